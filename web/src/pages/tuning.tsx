import { useEffect, useRef, useState } from "preact/hooks";
import type { Schema } from "../api/client";
import { useAPI } from "../api/hooks";
import {
  type Changes,
  type Control,
  type Piece,
  type Trial,
  groupsOf,
  isLeftOut,
  leaveOut,
  piecesOf,
  trialLink,
  trialOf,
  withChange,
} from "../lib/tuning";
import { Asked } from "../ui/asked";
import { SaveDialog } from "../ui/change";
import { can, useMe } from "../ui/context";
import { Knob } from "../ui/knob";
import { Panel, Text } from "../ui/parts";
import { navigate, useAddress, useParam } from "../ui/router";
import { useTried } from "../ui/tried";
import { Effect, told } from "./effect";
import { Saved } from "./saved";

interface Service {
  config: Schema["Config"];
  runs: Schema["Run"][];
  filter: Schema["FilterDetail"];
  reload: () => void;
}

export function TuningPage() {
  const config = useAPI<Schema["Config"]>("/api/v1/config");
  const runs = useAPI<Schema["RunList"]>("/api/v1/runs?limit=100");
  const filter = useAPI<Schema["FilterDetail"]>("/api/v1/filter");
  const reload = () => {
    for (const one of [config, runs, filter]) one.reload();
  };
  const data = config.data && runs.data && filter.data && { config: config.data, runs: runs.data.runs, filter: filter.data, reload };
  return (
    <Asked of={{ data, error: config.error ?? runs.error ?? filter.error, reload }} what="the settings" rows={8}>
      {(service) => <Tuning {...service} />}
    </Asked>
  );
}

/** What is tried, as the address has it: back and forward work as well. */
function useTrial(): [Trial, (change: (t: Trial) => Trial) => void] {
  const { path, search } = useAddress();
  const [trial, setTrial] = useState(() => trialOf(search));
  const href = trialLink(trial);
  const written = useRef(href);
  const asked = path === "/tuning" ? trialLink(trialOf(search)) : written.current;
  useEffect(() => {
    if (asked === written.current) return;
    written.current = asked;
    setTrial(trialOf(search));
  }, [asked]);
  // Browsers stop pages that write their address with every move of a slider.
  useEffect(() => {
    const timer = setTimeout(() => {
      if (location.pathname !== "/tuning" || href === written.current) return;
      written.current = href;
      navigate(trialLink(trial, location.search), true);
    }, 300);
    return () => clearTimeout(timer);
  }, [href]);
  return [trial, setTrial];
}

function Tuning({ config, runs, filter, reload }: Service) {
  const manage = can(useMe(), "manage");
  const [{ set, end: chosen }, setTrial] = useTrial();
  const [asking, setAsking] = useState(false);
  const end = chosen || runs[0]?.end || "";
  const tried = useTried<Schema["WhatIf"]>("/api/v1/whatif", end ? { end, set } : null);
  const problems = new Map(tried.error?.body.settings?.map((p) => [p.key, p.message]));
  const change = (to: (set: Changes) => Changes) => setTrial((t) => ({ ...t, set: to(t.set) }));
  const groups = groupsOf(config.settings);
  const pieces = piecesOf(config.weights);
  const known = new Set([...groups.flatMap((g) => g.controls), ...pieces.flatMap((p) => p.levels)].map((c) => c.key));
  const others = Object.keys(set)
    .filter((k) => !known.has(k) && !sides.some((side) => keyOf(side) === k))
    .sort();
  const knob = (c: Control) => (
    <Knob key={c.key} control={c} value={set[c.key]} problem={problems.get(c.key)} change={(v) => change((set) => withChange(set, c, v))} />
  );
  return (
    <>
      <div class="tuning">
        <Panel
          id="settings"
          title="Settings"
          note="What detection looks for. Nothing is changed until it is saved."
          actions={
            Object.keys(set).length > 0 && (
              <button type="button" class="small" onClick={() => change(() => ({}))}>
                Undo all
              </button>
            )
          }
        >
          {others.length > 0 && (
            <fieldset class="knobs">
              <legend>Also changed</legend>
              {others.map((key) => (
                <Other
                  key={key}
                  name={key}
                  value={set[key] ?? ""}
                  problem={problems.get(key)}
                  undo={() => change(({ [key]: _, ...rest }) => rest)}
                />
              ))}
            </fieldset>
          )}
          {groups.map((g) => (
            <fieldset key={g.name} class="knobs">
              <legend>{g.name}</legend>
              {g.controls.map(knob)}
              {g.name === "Filter" && <Clauses filter={filter} saved={config.saved} set={set} problems={problems} change={change} />}
            </fieldset>
          ))}
          <Weights pieces={pieces} knob={knob} set={set} />
          {Object.keys(set).length > 0 && (
            <a class="short" href="#effect">
              {tried.error ? "These settings cannot be tried" : told(tried, true)}
            </a>
          )}
        </Panel>
        <div class="effect">
          <Effect
            tried={tried}
            runs={runs}
            end={end}
            choose={(end) => setTrial((t) => ({ ...t, end }))}
            changed={Object.keys(set).length > 0}
            has={(key) => known.has(key)}
            save={manage ? () => setAsking(true) : null}
          />
        </div>
      </div>
      <Saved saved={config.saved} done={reload} manage={manage} />
      {asking && tried.data && (
        <SaveDialog
          title="Save as configuration"
          saving={{ set }}
          close={() => setAsking(false)}
          done={() => {
            change(() => ({}));
            reload();
          }}
        >
          <dl class="secret">
            {tried.data.changes.map((c) => (
              <div key={c.key}>
                <dt>
                  <Text>{c.key}</Text>
                </dt>
                <dd>
                  <code>
                    <Text>{`${c.from || "not set"} → ${c.to || "not set"}`}</Text>
                  </code>
                </dd>
              </div>
            ))}
          </dl>
        </SaveDialog>
      )}
    </>
  );
}

/** A setting that is tried and has its slider elsewhere, or none. */
function Other({ name, value, problem, undo }: { name: string; value: string; problem: string | undefined; undo: () => void }) {
  return (
    <div class="knob on">
      <code>
        <Text>{`${name}: ${value}`}</Text>
      </code>
      {problem && (
        <p class="wrong" role="alert">
          <Text>{problem}</Text>
        </p>
      )}
      <button type="button" class="small" aria-label={`Undo ${name}`} onClick={undo}>
        Undo
      </button>
    </div>
  );
}

const sides = ["exclude", "include"] as const;

const keyOf = (side: (typeof sides)[number]) => `filter.${side}`;

/** The clauses of the filter: each can be left out. */
function Clauses({
  filter,
  saved,
  set,
  problems,
  change,
}: {
  filter: Schema["FilterDetail"];
  saved: Schema["SavedSetting"][];
  set: Changes;
  problems: Map<string, string>;
  change: (to: (set: Changes) => Changes) => void;
}) {
  const savedOf = (key: string) => saved.find((s) => s.key === key)?.value ?? "";
  return (
    <>
      {filter.clauses.map((c) => {
        const key = keyOf(c.side);
        const value = set[key] ?? savedOf(key);
        // What the settings file leaves out comes back by it alone.
        const fixed = (c.dropped && !isLeftOut(savedOf(key), c.name)) || leaveOut(value, c.name, true) === null;
        const turn = (on: boolean) => {
          const next = leaveOut(value, c.name, !on) ?? value;
          change(({ [key]: _, ...rest }) => (next === (savedOf(key) || "[]") ? rest : { ...rest, [key]: next }));
        };
        const out = fixed ? (c.dropped ?? false) : isLeftOut(value, c.name);
        const id = `clause-${c.side}-${c.name}`;
        return (
          <div key={id} class={`knob${out === (c.dropped ?? false) ? "" : " on"}`}>
            <div class="line">
              <label for={id}>
                <Text>{c.name}</Text>
              </label>
              <input
                id={id}
                type="checkbox"
                checked={!out}
                disabled={fixed}
                aria-describedby={`${id}-doc`}
                onChange={(e) => turn(e.currentTarget.checked)}
              />
            </div>
            <p class="muted" id={`${id}-doc`}>
              {c.side === "exclude" ? "throws out" : "lets in"} <Text>{c.rule}</Text>
              {fixed && <b> (the settings file says whether it is asked)</b>}
            </p>
          </div>
        );
      })}
      {sides.map(
        (side) =>
          problems.has(keyOf(side)) && (
            <p key={side} class="wrong" role="alert">
              <Text>{`${keyOf(side)}: ${problems.get(keyOf(side))}`}</Text>
            </p>
          ),
      )}
      <p class="muted">
        <a href="/filters">What each decides, and the sets of the filter</a>
      </p>
    </>
  );
}

function Weights({ pieces, knob, set }: { pieces: Piece[]; knob: (c: Control) => preact.JSX.Element; set: Changes }) {
  const [find, setFind] = useParam("find");
  const isSet = (p: Piece) => p.levels.some((l) => l.key in set);
  const fits = pieces.filter((p) => `${p.name} ${p.about}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <Details class="knobs" open={find !== "" || pieces.some(isSet)} summary="Points of the rank, by piece of evidence">
      {() => (
        <>
          <label class="find">
            Find a piece
            <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
          </label>
          {fits.length === 0 && <p class="muted">No piece has that in its name or meaning.</p>}
          {fits.map((p) => (
            <Details
              key={p.name}
              class={`piece${isSet(p) ? " on" : ""}`}
              open={isSet(p)}
              summary={
                <>
                  <b>{p.name}</b> <span class="muted">{p.about}</span>
                </>
              }
            >
              {() => p.levels.map(knob)}
            </Details>
          ))}
        </>
      )}
    </Details>
  );
}

/** What is drawn when it is opened: there is much of it. */
function Details(props: { class: string; open: boolean; summary: preact.ComponentChildren; children: () => preact.ComponentChildren }) {
  const [shown, setShown] = useState(props.open);
  return (
    <details class={props.class} open={shown} onToggle={(e) => setShown(e.currentTarget.open)}>
      <summary>{props.summary}</summary>
      {shown && props.children()}
    </details>
  );
}
