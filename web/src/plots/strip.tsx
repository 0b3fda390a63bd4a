import type { Schema } from "../api/client";
import { count, duration } from "../lib/format";
import { num } from "../lib/geometry";

const high = 20;

/** Calls over time, a bar for each bucket. Heights grow with the root, so that a few calls show beside many. */
export function Strip({ calls, of }: { calls: number[]; of: Schema["Strips"] }) {
  const all = calls.reduce((a, n) => a + n, 0);
  const most = Math.max(1, ...calls);
  const filled = calls.filter((n) => n > 0).length;
  const alt = `${count(all)} ${all === 1 ? "call" : "calls"} in ${filled} of ${of.buckets} stretches of ${duration(of.step_s)}, at most ${count(Math.max(0, ...calls))} in one`;
  let d = "";
  calls.forEach((n, i) => {
    if (n === 0) return;
    const h = 2 + (high - 3) * Math.sqrt(n / most);
    d += `M${num(i + 0.1)} ${high - 1}v${num(-h)}h.8v${num(h)}z`;
  });
  return (
    <svg class="strip" viewBox={`0 0 ${of.buckets} ${high}`} preserveAspectRatio="none" role="img" aria-label={alt}>
      <title>{alt}</title>
      <path class="ground" d={`M0 ${high - 1}h${of.buckets}v1h-${of.buckets}z`} />
      <path class="fill" d={d} />
    </svg>
  );
}
