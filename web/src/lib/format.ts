/** Numbers as people read them. The rules are those of the reports (internal/human, internal/finding). */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(n: number): string {
  if (n >= 0 && n < 1000 && Number.isInteger(n)) return String(n); // pages show hundreds, and Intl takes its time
  return whole.format(n);
}

export function plural(n: number, noun: string, many = `${noun}s`): string {
  return `${count(n)} ${n === 1 ? noun : many}`;
}

/** A length of time in at most two units: "4m 30s", "2h", "3d 4h". */
export function duration(seconds: number): string {
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds > 0 && seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))}ms`;
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [unit, size] of [
    ["d", 86400],
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0) parts.push(`${n}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0s";
}

/** A period that was measured, no finer than it is known. */
export function every(seconds: number): string {
  const to = (step: number) => duration(Math.round(seconds / step) * step);
  if (seconds < 9.95) return `${Math.round(seconds * 10) / 10}s`;
  if (seconds < 600) return to(1);
  if (seconds < 1800) return to(10);
  if (seconds < 3600) return to(30);
  return to(60);
}

/** A share of the period: "±4 %". */
export function jitter(share: number): string {
  const percent = share * 100;
  return `±${percent.toFixed(percent < 2.95 && percent >= 0.05 ? 1 : 0)} %`;
}

/** Points with their sign, as fine as it takes to tell them apart. */
export function points(n: number): string {
  const size = Math.abs(n);
  const digits = size >= 9.95 ? 0 : size < 0.0995 ? 2 : 1;
  const text = String(Number(n.toFixed(digits)) + 0).replace("-", "−");
  return n >= 0 ? `+${text}` : text;
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  let v = n;
  while (v >= 999.5 && i < units.length - 1) {
    v /= 1000;
    i++;
  }
  const text = i === 0 || v >= 99.5 ? v.toFixed(0) : v.toFixed(v >= 9.95 ? 1 : 2);
  return `${text.includes(".") ? text.replace(/\.?0+$/, "") : text} ${units[i]}`;
}

const countNames: Record<string, [one: string, many: string]> = {
  stored: ["event stored", "events stored"],
  rejected: ["record rejected", "records rejected"],
  passed: ["record of another kind", "records of other kinds"],
};

/** What an input has brought: "1.2 kB read, 3 events stored". */
export function inputCounts(counts: Record<string, number>): string {
  return Object.entries(counts)
    .filter(([, n]) => n > 0)
    .map(([k, n]) => {
      if (k.endsWith("bytes")) return `${bytes(n)} ${k === "bytes" ? "read" : k.replace("_bytes", "").replaceAll("_", " ")}`;
      const [one, many] = countNames[k] ?? [k.replaceAll("_", " "), k.replaceAll("_", " ")];
      return plural(n, one, many);
    })
    .join(", ");
}

export function number(n: number): string {
  if (n === 0) return "0";
  const size = Math.abs(n);
  if (size >= 1000) return whole.format(n);
  if (size < 0.001) return n.toExponential(1);
  return String(Number(n.toPrecision(3)));
}

export function probability(p: number): string {
  return p <= 1e-300 ? "less than 1e-300" : p < 0.001 ? p.toExponential(1) : number(p);
}

export type Level = "high" | "medium" | "some" | "low" | "unranked";

/** The level of a risk score, as the service has it (internal/finding RiskLevel). */
export function levelOf(score: number | undefined): Level {
  if (score === undefined) return "unranked";
  return score >= 70 ? "high" : score >= 40 ? "medium" : score >= 10 ? "some" : "low";
}
