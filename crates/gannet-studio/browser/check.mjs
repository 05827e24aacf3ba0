// Every page in a real browser against a real run: node check.mjs PATH_TO_GANNET [PATH_TO_SITE_DIST].
//
// Needs Chromium (CHROMIUM names it; Debian's by default) and the packages of package.json. Ends with 1 and says why if a
// page logs an error, is wider than its window or fails axe's accessibility rules, or if the playground does not play.

import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { chromium } from "playwright-core";

const gannet = resolve(process.argv[2]);
const site = process.argv[3];
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "gannet-browser-"));
const problems = [];
const steps = [];

const train = (...more) => execFileSync(gannet, ["train", "--data", "ring", "--set", "method.name=vanilla", "--set", "train.tick_kimg=1", ...more], { cwd: folder, stdio: "ignore" });
train("--kimg", "5");

const studio = spawn(gannet, ["studio", "--port", "0"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
const base = await new Promise((done) => studio.stdout.once("data", (text) => done(String(text).match(/http:\S+/)[0])));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

async function open(url, { width = 1440, height = 960, theme = "light" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(`${url}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`${url}: ${error}`));
  await page.goto(url);
  await page.waitForSelector("h1", { timeout: 30000 });
  return page;
}

async function judge(page, name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 0) problems.push(`${name}: ${over} pixels too wide`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) problems.push(`${name}: ${id} at ${nodes.map(({ target }) => target).join(", ")}`);
  steps.push(name);
}

/** Chooses a story at full speed and waits until the verdict's line of modes says `modes`. */
async function story(page, name, modes, verdict) {
  await page.getByLabel("Speed").fill("30");
  await page.getByRole("button", { name, exact: true }).click();
  const told = page.getByLabel("Verdict");
  await told.filter({ hasText: modes }).filter({ hasText: verdict }).waitFor({ timeout: 180000 });
  steps.push(`${name}: ${(await told.innerText()).replaceAll("\n", " ")}`);
}

async function play(url, engine) {
  const page = await open(url);
  await page.getByText(engine).waitFor();
  await story(page, "Healthy", /8\/8/, /Balanced/);
  await story(page, "Mode collapse", /[12]\/8/, /Mode collapse/);
  const before = page.url();
  await page.getByLabel("Loss", { exact: false }).first().selectOption("hinge");
  if (page.url() === before) problems.push(`${engine}: the address does not follow the settings`);
  await page.context().close();
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

try {
  const run = "00000-ring-vanilla";
  for (const hash of ["#/runs", `#/runs/${run}`, `#/explore/${run}`, `#/compare/${run},${run}`, "#/playground"]) {
    for (const size of [{}, { width: 390, height: 844, theme: "dark" }]) {
      const page = await open(base + hash, size);
      await page.waitForTimeout(1500);
      await judge(page, `${hash} ${size.theme ?? "light"}`);
      await page.context().close();
    }
  }
  // A training as it happens.
  const live = await open(`${base}#/runs/${run}`);
  await live.getByText("5 kimg").first().waitFor();
  train("--resume", run, "--kimg", "9");
  await live.getByText("9 kimg").first().waitFor({ timeout: 30000 });
  steps.push("live");

  await play(`${base}#/playground`, "native engine");
  if (site) {
    const server = await serve(resolve(site));
    await play(`http://localhost:${server.address().port}/`, "in your browser");
    server.close();
  }
} catch (error) {
  problems.push(String(error));
} finally {
  await browser.close();
  studio.kill();
  rmSync(folder, { recursive: true, force: true });
}
console.log(steps.join("\n"));
if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
