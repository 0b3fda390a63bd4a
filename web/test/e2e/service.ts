import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../..");

/** Names of a log that would like to be more than text. */
export const hostile = {
  process: `<img src=x onerror="document.title='owned'">.exe`,
  host: `<script>document.title='owned'</script>`,
  domain: "evil\u202emoc.example",
};

/** A beacon of a minute with hostile names, as a shipper would send it. */
function hostileEvents(start: number, hours: number): string {
  let lines = "";
  for (let t = start; t < start + hours * 3600; t += 60) {
    lines += `${JSON.stringify({
      "@timestamp": new Date(t * 1000 + 250).toISOString(),
      event: { category: ["network"], action: "disconnect_received", duration: 40e6 },
      host: { name: hostile.host },
      process: { name: hostile.process },
      user: { name: "<b>x</b>" },
      source: { ip: "10.66.6.6", port: 50000, bytes: 321 },
      destination: { ip: "45.66.77.88", port: 443, bytes: 123, domain: hostile.domain },
      network: { transport: "tcp", protocol: "tls" },
    })}\n`;
  }
  return lines;
}

/** Starts the program on loopback with a simulated time that ended a moment ago, and waits for its runs. */
export default async function start(): Promise<() => Promise<void>> {
  const program = process.env.FRESNEL ?? join(root, "build/fresnel");
  const scenario = process.env.SCREENSHOTS ? "day" : "small";
  const hours = scenario === "day" ? 24 : 6;
  const dir = mkdtempSync(join(tmpdir(), "fresnel-e2e-"));
  // Hours are whole: the last one that ended is the last run.
  const begin = Math.floor((Date.now() / 1000 - 120) / 3600) * 3600 - hours * 3600;
  const stamp = (s: number) => new Date(s * 1000).toISOString().slice(0, 19);
  execFileSync(program, [
    "simulate",
    "--scenario",
    join(root, `scenarios/${scenario}.yaml`),
    "--seed",
    "7",
    "--start",
    `${stamp(begin)}Z`,
    "--out",
    join(dir, "sim"),
  ]);
  const events = join(dir, "sim/events.ndjson");
  if (scenario === "small") {
    // In the order of time, as a log is written: each line begins with it.
    const lines = (readFileSync(events, "utf8") + hostileEvents(begin, hours)).trimEnd().split("\n").sort();
    writeFileSync(events, `${lines.join("\n")}\n`);
  }

  const service: ChildProcess = spawn(
    program,
    [
      "serve",
      "--data",
      join(dir, "data"),
      "--listen",
      "127.0.0.1:0",
      "--ingest",
      "off",
      "--set",
      `inputs.tail={demo: {paths: ["${events}"]}}`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  service.stderr?.on("data", (b) => {
    log += b;
  });
  const stop = async () => {
    const ended = new Promise((r) => service.once("exit", r));
    if (service.exitCode === null) {
      service.kill("SIGTERM");
      await ended;
    }
    rmSync(dir, { recursive: true, force: true });
  };
  const last = `msg=run end=${stamp(begin + hours * 3600)}`;
  for (let i = 0; !log.includes(last); i++) {
    if (i > 600 || service.exitCode !== null) {
      await stop();
      throw new Error(`the service made no run up to ${last}:\n${log}`);
    }
    await new Promise((r) => setTimeout(r, 100));
  }
  process.env.FRESNEL_URL = /API: (\S+)/.exec(log)?.[1] ?? "";
  process.env.FRESNEL_PASSWORD = /password: (\S+)/.exec(log)?.[1] ?? "";
  return stop;
}
