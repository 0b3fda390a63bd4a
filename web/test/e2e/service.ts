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
      event: {
        category: ["network"],
        action: "disconnect_received",
        duration: 40e6,
        ingested: new Date(t * 1000 + 5250).toISOString(),
      },
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

export interface Service {
  url: string;
  /** Of the first user; empty where there was one before. */
  password: string;
  pid: number;
  /** Waits until the log has a text, for a minute at most. */
  logged: (text: string) => Promise<void>;
  stop: () => Promise<void>;
}

export const program = process.env.FRESNEL ?? join(root, "build/fresnel");

/** What tests tell each other is no setting of the program. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FRESNEL_")));

/** Starts the program on loopback, and waits until it listens. */
export async function serve(data: string, ...settings: string[]): Promise<Service> {
  const service: ChildProcess = spawn(
    program,
    ["serve", "--data", data, "--listen", "127.0.0.1:0", "--ingest", "off", ...settings.flatMap((s) => ["--set", s])],
    { stdio: ["ignore", "ignore", "pipe"], env },
  );
  let log = "";
  service.stderr?.on("data", (b) => {
    log += b;
  });
  const stop = async () => {
    if (service.exitCode !== null) return;
    const ended = new Promise((r) => service.once("exit", r));
    service.kill("SIGTERM");
    await ended;
  };
  const logged = async (text: string) => {
    for (let i = 0; !log.includes(text); i++) {
      if (i > 3000 || service.exitCode !== null) {
        await stop();
        throw new Error(`the service did not say ${text}:\n${log}`);
      }
      await new Promise((r) => setTimeout(r, 20));
    }
  };
  await logged("data: "); // what it says after its addresses
  const url = /API: (\S+)/.exec(log)?.[1] ?? "";
  await fetch(`${url}/healthz`); // it answers when it has said all
  return { url, password: /password: (\S+)/.exec(log)?.[1] ?? "", pid: service.pid ?? 0, logged, stop };
}

/** Starts the program with a simulated time that ended a moment ago, and waits for its runs. */
export default async function start(): Promise<() => Promise<void>> {
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
  let service: Service | null = null;
  const stop = async () => {
    await service?.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    service = await serve(join(dir, "data"), `inputs.tail={demo: {paths: ["${events}"]}}`);
    await service.logged(`msg=run end=${stamp(begin + hours * 3600)}`);
  } catch (e) {
    await stop();
    throw e;
  }
  process.env.FRESNEL_URL = service.url;
  process.env.FRESNEL_PASSWORD = service.password;
  return stop;
}
