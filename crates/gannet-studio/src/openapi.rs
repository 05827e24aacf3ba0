//! What can be asked, for programs: an OpenAPI 3.1 document.

use axum::Json;
use serde_json::{Value, json};

use crate::MAX_SEEDS;

/// `GET /api/openapi.json`.
pub(crate) async fn document() -> Json<Value> {
    let error = json!({ "description": "refused", "content": { "application/json": { "schema": {
        "type": "object", "required": ["error"], "properties": { "error": { "type": "string" } }
    } } } });
    let answer = |description: &str, kind: &str| json!({ "200": { "description": description, "content": { kind: {} } }, "default": error });
    let name = |name: &str, what: &str| json!({ "name": name, "in": "path", "required": true, "description": what, "schema": { "type": "string" } });
    let run = name("run", "a run's name, as GET /api/runs lists it");
    let get = |summary: &str, parameters: Value, description: &str, kind: &str| json!({ "get": { "summary": summary, "parameters": parameters, "responses": answer(description, kind) } });
    let json_kind = "application/json";
    let seeds = json!({ "type": "array", "minItems": 1, "maxItems": MAX_SEEDS,
        "items": { "type": "integer", "minimum": 0 } });
    let wish = json!({
        "type": "object", "required": ["run", "seeds"], "additionalProperties": false,
        "properties": {
            "run": { "type": "string" },
            "seeds": seeds,
            "class": { "type": "string", "description": "a class by name or number, where the model has them" },
            "steps": { "type": "array", "maxItems": 8, "items": { "type": "number", "minimum": -10, "maximum": 10 },
                "description": "steps along the directions in which the generator changes most" },
            "toward": { "type": "integer", "minimum": 0, "description": "a seed to go to" },
            "share": { "type": "number", "minimum": 0, "maximum": 1, "description": "of the way to it" }
        }
    });
    let set = json!({ "type": "object", "required": ["set"], "additionalProperties": false, "properties": {
        "set": { "type": "array", "items": { "type": "string" },
            "description": "settings as section.key=value; data.source has to name a data set" }
    } });
    let end = json!({ "type": "object", "additionalProperties": false, "properties": {
        "kimg": { "type": "number", "description": "a new end, in thousands of images" }
    } });
    let post = |summary: &str, parameters: Value, body: &Value, description: &str| {
        json!({ "post": {
        "summary": summary, "parameters": parameters, "responses": answer(description, "application/json"),
        "requestBody": { "required": true, "content": { "application/json": { "schema": body } } }
    } })
    };
    let query = |name: &str, is_required: bool, schema: &Value| json!({ "name": name, "in": "query", "required": is_required, "schema": schema });
    let seed = json!({ "type": "integer", "minimum": 0 });
    let lines = query("lines", false, &json!({ "type": "integer", "minimum": 0 }));
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "gannet studio", "version": env!("CARGO_PKG_VERSION") },
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "security": [{}, { "token": [] }],
        "paths": {
            "/api/runs": get("List the runs", json!([]), "all runs, the newest first", json_kind),
            "/api/runs/{run}": get("Describe a run", json!([run]), "settings, pictures, metrics, findings", json_kind),
            "/api/runs/{run}/stats": get("Figures of a run", json!([run]), "one object a tick", json_kind),
            "/api/runs/{run}/log": get("The end of a run's log", json!([run, lines]), "text", "text/plain"),
            "/api/runs/{run}/pictures/{picture}":
                get("A picture", json!([run, name("picture", "its name")]), "the picture", "image/png"),
            "/api/runs/{run}/events":
                get("A run as it happens", json!([run]), "server-sent events", "text/event-stream"),
            "/api/runs/{run}/generator": get("Describe a run's generator", json!([run]), "its card", json_kind),
            "/api/sample": { "post": {
                "summary": "Draw samples",
                "requestBody": { "required": true, "content": { "application/json": { "schema": &wish } } },
                "responses": {
                    "200": { "description": "pictures in base64 or, where image/png is accepted, one sheet",
                        "content": { "application/json": {}, "image/png": {} } },
                    "default": error
                }
            } },
            "/api/runs/{run}/translator":
                get("Describe a run's translator", json!([run]), "its ways, its size and examples", json_kind),
            "/api/translate": { "post": {
                "summary": "Translate a picture",
                "parameters": [
                    query("run", true, &json!({ "type": "string" })),
                    query("direction", false, &json!({ "enum": ["AtoB", "BtoA"] })),
                    query("seed", false, &seed)
                ],
                "requestBody": { "required": true, "content": { "image/*": {}, "application/octet-stream": {} } },
                "responses": answer("the picture translated", "image/png")
            } },
            "/api/runs/{run}/inpainter":
                get("Describe a run's network that fills holes", json!([run]), "its size and examples", json_kind),
            "/api/mask": get("Draw holes as a training does", json!([
                query("width", true, &json!({ "type": "integer", "minimum": 1 })),
                query("height", true, &json!({ "type": "integer", "minimum": 1 })),
                query("holes", false, &json!({ "enum": ["free-form", "box", "both"] })),
                query("seed", false, &seed)
            ]), "a mask, white where to fill", "image/png"),
            "/api/inpaint": { "post": {
                "summary": "Fill holes in a picture",
                "parameters": [query("run", true, &json!({ "type": "string" }))],
                "requestBody": { "required": true, "content": { "multipart/form-data": { "schema": {
                    "type": "object", "required": ["picture", "mask"], "additionalProperties": false, "properties": {
                        "picture": { "type": "string", "format": "binary" },
                        "mask": { "type": "string", "format": "binary",
                            "description": "a picture of the same size, white or transparent where to fill" }
                    }
                } } } },
                "responses": answer("the picture filled, all other pixels as they were", "image/png")
            } },
            "/api/nearest": post("Find the training pictures nearest to a sample", json!([]), &wish, "pictures in base64"),
            "/api/launch": {
                "get": get("What can be trained", json!([]), "methods, data sets and recipes", json_kind)["get"],
                "post": post("Start a training", json!([]), &set, "the new run's name")["post"]
            },
            "/api/launch/check": post("Say what a training would be", json!([]), &set, "settings, command, sizes"),
            "/api/runs/{run}/resume": post("Go on with a run", json!([run]), &end, "the run's name"),
            "/api/runs/{run}/stop": { "post": { "summary": "Ask a training that this studio started for an end",
                "parameters": [run], "responses": answer("the run's name", json_kind) } },
            "/api/playground/catalogue": get("What the playground offers", json!([]), "menus and words", json_kind),
            "/api/playground": get("Play in the plane", json!([]), "a WebSocket: requests in, snapshots out", json_kind)
        }
    }))
}
