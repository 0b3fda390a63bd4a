import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { withUTC } from "../lib/time";
import { useDark } from "../ui/theme";

export interface Line {
  name: string;
  values: (number | null)[];
  className: string;
}

/** Of how many runs the ends stand as lines through the plot. More would hide it: they are ticks along the lower edge. */
export const mostUpright = 60;

/** Lines over time with uPlot, and the ends of runs as marks. Colours come from the styles of the page. */
export function Lines({
  at,
  lines,
  runs,
  on,
  pick,
  label,
}: {
  at: number[];
  lines: Line[];
  runs: number[];
  on: number | null;
  pick: (line: number, step: number) => void;
  label: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const focus = useRef(on);
  const choose = useRef(pick);
  const dark = useDark();
  choose.current = pick;
  focus.current = on;
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const color = (className: string) => {
      const probe = document.createElement("i");
      probe.className = `swatch ${className}`;
      el.append(probe);
      const c = getComputedStyle(probe).backgroundColor;
      probe.remove();
      return c;
    };
    const strokes = lines.map((l) => color(l.className));
    const muted = color("of-muted");
    const grid = color("of-grid");
    const axis: uPlot.Axis = {
      stroke: muted,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
    };
    const u = new uPlot(
      {
        width: el.clientWidth,
        height: 340,
        legend: { show: false },
        cursor: { focus: { prox: 30 }, drag: { x: false, y: false }, points: { size: 7 } },
        focus: { alpha: 0.18 },
        scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(4, Math.ceil(max * 1.08))] } },
        axes: [
          { ...axis, size: 30, values: (_u, splits, _i, _s, incr) => splits.map((v) => axisLabel(v, incr)) },
          { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
        ],
        series: [
          {},
          ...lines.map((l, i) => ({ label: l.name, stroke: strokes[i] ?? "", width: 1.8, points: { show: at.length < 60, size: 4 } })),
        ],
        hooks: {
          drawAxes: [
            (u) => {
              const tall = runs.length > mostUpright ? 6 : u.bbox.height;
              u.ctx.save();
              u.ctx.strokeStyle = grid;
              u.ctx.lineWidth = 1;
              u.ctx.beginPath();
              for (const r of runs) {
                const x = Math.round(u.valToPos(r, "x", true)) + 0.5;
                if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
                u.ctx.moveTo(x, u.bbox.top + u.bbox.height);
                u.ctx.lineTo(x, u.bbox.top + u.bbox.height - tall);
              }
              u.ctx.stroke();
              u.ctx.restore();
            },
          ],
          setCursor: [
            (u) => {
              const i = u.cursor.idx;
              const say = el.parentElement?.querySelector<HTMLElement>("[data-say]");
              if (!say) return;
              if (i === null || i === undefined) {
                say.textContent = "";
                return;
              }
              const shown = lines
                .map((l) => ({ name: l.name, n: l.values[i] ?? 0 }))
                .filter((x) => x.n > 0)
                .sort((a, b) => b.n - a.n)
                .slice(0, 4);
              const t = at[i];
              say.textContent =
                t === undefined ? "" : `${withUTC(t * 1000)}: ${shown.map((x) => `${x.name} ${x.n}`).join(", ") || "nothing"}`;
            },
          ],
        },
      },
      [at, ...lines.map((l) => l.values)] as uPlot.AlignedData,
      el,
    );
    u.over.addEventListener("click", () => {
      const i = u.cursor.idx;
      if (i === null || i === undefined) return;
      // The line nearest to the pointer.
      let best = -1;
      let least = 40;
      lines.forEach((l, k) => {
        const v = l.values[i];
        if (v === null || v === undefined) return;
        const d = Math.abs(u.valToPos(v, "y") - (u.cursor.top ?? 0));
        if (d < least) {
          least = d;
          best = k;
        }
      });
      if (best >= 0) choose.current(best, i);
    });
    plot.current = u;
    const watch = new ResizeObserver(() => u.setSize({ width: el.clientWidth, height: 340 }));
    watch.observe(el);
    return () => {
      watch.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [at, lines, runs, dark]);
  useEffect(() => {
    plot.current?.setSeries(on === null ? null : on + 1, { focus: true });
  }, [on]);
  return <div class="lines" ref={box} role="img" aria-label={label} />;
}

function axisLabel(seconds: number, incr: number): string {
  const d = new Date(seconds * 1000);
  if (incr >= 86400 || (d.getHours() === 0 && d.getMinutes() === 0))
    return d.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return `${String(d.getHours()).padStart(2, "0")}:${String(d.getMinutes()).padStart(2, "0")}`;
}
