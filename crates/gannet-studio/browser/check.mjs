// Every page in a real browser against real runs: node check.mjs PATH_TO_GANNET [--site DIST] [--pictures FOLDER]
//
// Needs Chromium (CHROMIUM names it; Debian's by default) and the packages of package.json. Ends with 1 and says why if a
// page logs an error, is wider than its window or fails axe's accessibility rules, if something that is pressed does not
// do what it says, or if the playground does not play. With a folder, pictures of every page are left there.

import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { site: { type: "string" }, pictures: { type: "string" } } });
const gannet = resolve(positionals[0]);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "gannet-browser-"));
const runs = join(folder, "runs");
const problems = [];
const began = performance.now();
const say = (step) => console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${step}`);

const RING = "00000-ring-r3gan", GARMENTS = "00001-fashion-mnist-dcgan", EDGES = "00002-garment-edges-pix2pix", HOLES = "00003-fashion-mnist-inpaint";
const SIZES = ["light", "dark"].flatMap((theme) => [{ name: `desktop-${theme}`, theme }, { name: `phone-${theme}`, width: 390, height: 844, theme }]);
/** How long anything may take: machines that check are busy ones. Nothing is judged by its time. */
const PATIENCE = 180_000;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const train = (...words) => execFileSync(gannet, ["train", ...words], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
const set = (...settings) => settings.flatMap((setting) => ["--set", setting]);

async function studio(...words) {
  const child = spawn(gannet, ["studio", "--port", "0", ...words], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  const text = await new Promise((done, fail) => {
    child.stdout.once("data", done);
    child.once("exit", (status) => fail(new Error(`gannet studio ended with ${status}`)));
  });
  return { url: String(text).match(/http:\S+/)[0], end: () => child.kill() };
}

async function open(url, { width = 1440, height = 960, theme = "light" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, deviceScaleFactor: options.pictures ? 2 : 1 });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => message.type() === "error" && problems.push(`${url}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`${url}: ${error}`));
  await page.goto(url);
  await page.waitForSelector("h1");
  return page;
}

const close = (page) => page.context().close();

/** What must hold of every page as it stands. */
async function judge(page, name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 0) problems.push(`${name}: ${over} pixels too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) problems.push(`${name}: ${id} at ${nodes.map(({ target }) => target).join(", ")}`);
  if (options.pictures) {
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(options.pictures, `${name}.png`), fullPage: true });
  }
  say(name);
}

/** Each page in both sizes, once what `ready` names is there. */
async function every(base, name, hash, ready, act = async () => {}) {
  for (const size of SIZES) {
    const page = await open(base + hash, size);
    await ready(page).first().waitFor();
    await act(page);
    await judge(page, `${name}-${size.name}`);
    await close(page);
  }
}

/** Chooses a story at full speed and waits until the verdict says so. */
async function story(page, engine, name, modes, verdict) {
  await page.getByLabel("Speed").fill("30");
  await page.getByRole("button", { name, exact: true }).click();
  const told = page.getByLabel("Verdict");
  await told.filter({ hasText: modes }).filter({ hasText: verdict }).waitFor();
  say(`${engine}, ${name}: ${(await told.innerText()).replaceAll("\n", " ")}`);
}

/** Every way to make a hole, and out of each. */
async function holes(page) {
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const told = (words) => page.locator(".paint-stack [role=status]").filter({ hasText: words }).first().waitFor();
  await page.locator("#inpaint-file").setInputFiles(join(runs, GARMENTS, "config.toml"));
  await page.getByText("config.toml is no picture").waitFor();
  await page.locator("#inpaint-file").setInputFiles(join(runs, GARMENTS, "reals.png"));
  await told("Paint over");
  const { x, y, width, height } = await page.locator(".paint").boundingBox();
  const stroke = async () => {
    await page.mouse.move(x + width / 4, y + height / 4);
    await page.mouse.down();
    await page.mouse.move(x + width / 2, y + height / 3, { steps: 4 });
    await page.mouse.up();
  };
  await page.locator(".paint").scrollIntoViewIfNeeded();
  await page.getByLabel("Brush", { exact: true }).fill("20");
  await stroke();
  await told(/[1-9].* % to be filled/);
  await press("Erase");
  await page.getByLabel("Brush", { exact: true }).fill("60");
  await stroke();
  await told("Paint over");
  await press("Undo");
  await told("to be filled");
  await press("Clear");
  await told("Paint over");
  if (await page.getByRole("button", { name: "Fill holes" }).isEnabled()) problems.push("inpaint: fills nothing");
  // By keys alone.
  await page.getByLabel("Width", { exact: true }).fill("30");
  await page.getByRole("button", { name: "Add box" }).press("Enter");
  await told("to be filled");
  await page.getByLabel("Seed").fill("5");
  await page.getByRole("button", { name: "Draw holes" }).press("Enter");
  await page.getByRole("button", { name: "Fill holes" }).press("Enter");
  await page.getByText(/2\d\d x 2\d\d pixels in/).waitFor();
  const link = await page.getByRole("link", { name: "Download" }).getAttribute("download");
  if (link !== "reals-filled.png") problems.push(`inpaint: downloads ${link}`);
  await page.getByLabel("Wipe from").selectOption("the holes");
  await page.getByLabel("Wipe", { exact: true }).fill("20");
  await page.getByAltText("The picture with its holes").waitFor();
  if (!options.pictures) return;
  await page.getByRole("button", { name: "Example 8" }).click();
  await page.getByLabel("Seed").fill("4");
  await press("Draw holes");
  await press("Fill holes");
  await page.getByText("32 x 32 pixels in").waitFor();
  await page.getByLabel("Wipe", { exact: true }).fill("50");
}

async function play(url, engine, prefix) {
  const page = await open(url);
  await page.getByText(engine).waitFor();
  await story(page, engine, "Healthy", /8\/8/, /Balanced/);
  const steps = () => page.evaluate(() => Number(document.querySelector(".status dd").dataset.value));
  const [from, start] = [await steps(), performance.now()];
  await page.waitForTimeout(3000);
  const rate = ((await steps()) - from) / ((performance.now() - start) / 1000);
  say(`${engine}: ${rate.toFixed(0)} steps a second at batch 150, everything drawn`);
  await judge(page, `${prefix}-desktop-light`);
  await story(page, engine, "Mode collapse", /[12]\/8/, /Mode collapse/);
  if (options.pictures) await page.screenshot({ path: join(options.pictures, `${prefix}-collapse-desktop-light.png`) });
  const before = page.url();
  await page.getByLabel("Loss", { exact: false }).first().selectOption("hinge");
  if (page.url() === before) problems.push(`${engine}: the address does not follow the settings`);
  const shared = await open(page.url());
  if ((await shared.getByLabel("Loss", { exact: false }).first().inputValue()) !== "hinge") problems.push(`${engine}: the address does not bring the settings back`);
  await close(shared);
  await page.getByRole("button", { name: "Take the tour" }).click();
  for (let step = 0; step < 5; step += 1) await page.getByRole("dialog").getByRole("button", { name: /Next|Done/ }).click();
  if (await page.getByRole("dialog").count()) problems.push(`${engine}: the tour does not end`);
  await close(page);
}

function serve(root) {
  const kinds = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
  const server = createServer((request, response) => {
    const path = join(root, request.url === "/" ? "index.html" : request.url.split("?")[0]);
    try {
      response.writeHead(200, { "content-type": kinds[extname(path)] ?? "text/plain" }).end(readFileSync(path));
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server)));
}

/** A folder of runs as they are found after accidents, and many of them. */
function damaged() {
  const many = join(folder, "many");
  mkdirSync(many);
  for (let i = 0; i < 500; i += 1) {
    const run = join(many, `${String(i).padStart(5, "0")}-ring-r3gan`);
    mkdirSync(run);
    for (const file of ["config.toml", "stats.jsonl", "events.jsonl", "fakes000005.png"]) cpSync(join(runs, RING, file), join(run, file));
  }
  const last = join(many, "00499-ring-r3gan");
  truncateSync(join(last, "stats.jsonl"), readFileSync(join(last, "stats.jsonl")).length - 40);
  rmSync(join(last, "fakes000005.png"));
  writeFileSync(join(last, "events.jsonl"), "half a li");
  return many;
}

// Pictures are worth looking at where the networks have learnt something.
const [n, width] = options.pictures ? [40, 24] : [1, 8];
train("--data", "ring", "--method", "r3gan", "--kimg", "5", ...set("train.tick_kimg=1", "train.snap=2"));
train("--data", "fashion-mnist", "--kimg", `${n}`, "--batch", "32", "--metrics", "swd", ...set("train.metric_samples=256", "train.snap=2", `method.net.width=${width}`, `train.tick_kimg=${n / 4}`, "method.critic.learning_rate=4e-4", "method.generator.learning_rate=1e-3", "method.ema_half_life_images=1000"));
train("--data", "garment-edges", "--method", "pix2pix", "--kimg", `${0.1 * n}`, "--batch", "4", ...set(`method.net.width=${width / 2}`, `method.patch.width=${width / 2}`, `train.tick_kimg=${n / 40}`, "method.ema_half_life_images=500"));
train("--data", "fashion-mnist", "--method", "inpaint", "--kimg", `${0.3 * n}`, "--batch", "16", ...set("data.size=32", `method.net.width=${width}`, `method.patch.width=${width}`, "method.patch.layers=4", "method.adversarial_weight=0.1", "method.generator.learning_rate=5e-4", "method.critic.learning_rate=5e-4", `train.tick_kimg=${0.1 * n}`, "method.ema_half_life_images=500"));
say(`trained ${readdirSync(runs).join(", ")}`);
const served = await studio();
const base = served.url;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
if (options.pictures) mkdirSync(options.pictures, { recursive: true });

try {
  await every(base, "runs", "#/runs", (page) => page.getByRole("link", { name: RING }));
  await every(base, "run", `#/runs/${RING}`, (page) => page.getByText("Scores of reals and fakes"), async (page) => {
    await page.getByText("Settings", { exact: true }).click();
    await page.getByText("Log", { exact: true }).click();
  });
  await every(base, "compare", `#/compare/${RING},${GARMENTS}`, (page) => page.getByText("Settings that differ"));
  await every(base, "explore", `#/explore/${GARMENTS}`, (page) => page.getByRole("button", { name: "Seed 3", exact: true }), async (page) => {
    await page.getByRole("button", { name: "Pin as start" }).click();
    await page.getByRole("button", { name: "Seed 3", exact: true }).click();
    await page.getByAltText("100 % of the way from seed 0 to seed 3").waitFor();
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText(/training pictures, with the difference from seed 3/).waitFor();
  });
  await every(base, "translate", `#/translate/${EDGES}`, (page) => page.getByText("32 x 32 pixels in"), async (page) => {
    await page.locator("#translate-file").setInputFiles(join(runs, GARMENTS, "config.toml"));
    await page.getByText(/the picture: /).waitFor();
    await page.locator("#translate-file").setInputFiles(join(runs, GARMENTS, "reals.png"));
    await page.getByText(/2\d\d x 2\d\d pixels in/).waitFor();
    if (options.pictures) await page.getByRole("button", { name: "Example 1" }).click();
    await page.getByText("32 x 32 pixels in").waitFor({ state: options.pictures ? "visible" : "hidden" });
  });
  problems.splice(0, problems.length, ...problems.filter((problem) => !problem.includes("translate") || !problem.includes("422")));
  await every(base, "inpaint", `#/inpaint/${HOLES}`, (page) => page.getByText("32 x 32 pixels in"), holes);
  await every(base, "launch", "#/launch", (page) => page.getByText("gannet train --data ring"), async (page) => {
    await page.getByText("All settings").click();
  });

  // A training as it happens, from start to stop, and on.
  const page = await open(`${base}#/launch`);
  await page.getByLabel("Begin with").selectOption("ring-r3gan");
  await page.getByLabel("Length, kimg").fill("100000");
  await page.getByLabel("Length, kimg").press("Tab");
  await page.getByText("--kimg 100000").waitFor();
  await page.getByRole("button", { name: "Start training" }).click();
  await page.getByRole("heading", { name: "00004-ring-r3gan" }).waitFor();
  await page.getByText("training", { exact: true }).waitFor();
  await page.locator(".legend b").first().waitFor();
  const drawn = () => page.locator(".chart path").first().getAttribute("d");
  const first = await drawn();
  await page.waitForFunction((old) => document.querySelector(".chart path")?.getAttribute("d") !== old, first);
  say("launched, and its curves move");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("stopped", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Go on to" }).click();
  await page.getByText("training", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("stopped", { exact: true }).waitFor();
  say("stopped, gone on with, stopped again");
  await close(page);

  // A training that was started elsewhere.
  const live = await open(`${base}#/runs/${RING}`);
  await live.getByText("5 kimg").first().waitFor();
  train("--resume", RING, "--kimg", "9");
  await live.getByText("9 kimg").first().waitFor();
  await close(live);
  say("followed a training that was started elsewhere");

  const many = await studio(damaged(), "--only-show");
  for (let look = 0; look < 2; look += 1) {
    const list = await open(`${many.url}#/runs`);
    await list.getByText("500 runs").waitFor();
    const [{ startTime: paint }] = await list.evaluate(() => performance.getEntriesByName("first-contentful-paint").map(({ startTime }) => ({ startTime })));
    say(`500 runs: first paint after ${paint.toFixed(0)} ms`);
    await list.getByLabel("Filter runs").fill("00499");
    await list.getByText("1 of 500 runs").waitFor();
    await list.getByRole("link", { name: "00499-ring-r3gan" }).click();
    await list.getByRole("heading", { name: "00499-ring-r3gan" }).waitFor();
    await list.getByText("of 9 kimg").waitFor();
    await close(list);
  }
  many.end();

  await every(base, "playground", "#/playground", (page) => page.getByText("Starting"));
  await play(`${base}#/playground`, "native engine", "playground-native");
  if (options.site) {
    const server = await serve(resolve(options.site));
    await play(`http://localhost:${server.address().port}/`, "in your browser", "playground-wasm");
    server.close();
  }
} catch (error) {
  problems.push(String(error.stack ?? error));
} finally {
  await browser.close();
  served.end();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
say("every page is fine");
