import { Fragment } from "preact";
import { useState } from "preact/hooks";
import { type Control, numbersOf, textOf } from "../lib/tuning";
import { Text } from "./parts";

interface Props {
  control: Control;
  /** What is tried; undefined is the value in force. */
  value: string | undefined;
  problem: string | undefined;
  change: (value: string) => void;
}

/** A setting with its slider, what it means, and what is wrong with its value. */
export function Knob(props: Props) {
  const { control: c, value, problem } = props;
  const id = `set-${c.key}`;
  const more = [
    value !== undefined && `in force: ${c.now || "the default"}`,
    c.standard && c.standard !== c.now && `default: ${c.standard}`,
  ].filter(Boolean);
  return (
    <div class={`knob${value === undefined ? "" : " on"}`}>
      <Field {...props} id={id} />
      <p class="muted" id={`${id}-doc`}>
        {c.doc}
        {more.length > 0 && <b> ({more.join(", ")})</b>}
      </p>
      {problem && (
        <p class="wrong" id={`${id}-wrong`} role="alert">
          <Text>{problem}</Text>
        </p>
      )}
    </div>
  );
}

function Field({ control: c, value, problem, change, id }: Props & { id: string }) {
  const [typed, setTyped] = useState<string | null>(null); // while the field has the focus it keeps what is typed
  const text = value ?? c.now;
  const aria = {
    id,
    "aria-describedby": problem ? `${id}-doc ${id}-wrong` : `${id}-doc`,
    "aria-invalid": problem ? true : undefined,
  };
  const label = (
    <label for={id}>
      {c.name.split(/(?<=_)/).map((word) => (
        <Fragment key={word}>
          {word}
          <wbr />
        </Fragment>
      ))}
    </label>
  );
  if (c.kind === "switch")
    return (
      <div class="line">
        {label}
        <input {...aria} type="checkbox" checked={text === "true"} onChange={(e) => change(String(e.currentTarget.checked))} />
      </div>
    );
  if (c.kind === "choice")
    return (
      <div class="line">
        {label}
        <select {...aria} value={text} onChange={(e) => change(e.currentTarget.value)}>
          {c.choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      </div>
    );
  return (
    <>
      <div class="line">
        {label}
        <input
          {...aria}
          class={c.kind === "list" ? "long" : undefined}
          title={c.kind === "list" ? `some of ${c.choices.join(", ")}` : undefined}
          value={typed ?? text}
          autocomplete="off"
          spellcheck={false}
          onInput={(e) => {
            setTyped(e.currentTarget.value);
            change(e.currentTarget.value);
          }}
          onBlur={() => setTyped(null)}
        />
      </div>
      {c.kind !== "list" && (
        <Sliders
          control={c}
          text={text}
          change={(v) => {
            setTyped(null);
            change(v);
          }}
        />
      )}
    </>
  );
}

function Sliders({ control: c, text, change }: { control: Control; text: string; change: (value: string) => void }) {
  const numbers = numbersOf(c.kind, text);
  const names = c.kind === "pair" ? [`${c.name}, lower`, `${c.name}, upper`] : [c.name];
  return (
    <>
      {names.map((name, i) => (
        <input
          key={name}
          type="range"
          min={c.min}
          max={c.max}
          step={c.step}
          value={numbers[i] ?? c.min}
          aria-label={name}
          aria-valuetext={c.kind === "duration" ? text : undefined}
          onInput={(e) => {
            const n = numbers.length === names.length ? [...numbers] : [c.min, c.max].slice(0, names.length);
            n[i] = e.currentTarget.valueAsNumber;
            change(textOf(c.kind, n));
          }}
        />
      ))}
    </>
  );
}
