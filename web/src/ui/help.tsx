import { Dialog } from "./parts";

/** Keys, filters by example, and what the numbers mean. */
export function Help({ close }: { close: () => void }) {
  const keys: [string, string][] = [
    ["/", "go to the filter"],
    ["j  k", "next and previous row of the lists"],
    ["Enter", "open the row"],
    ["Tab", "in the filter: take the completion"],
    ["Esc", "close what is open"],
    ["?", "this help"],
  ];
  const queries: [string, string][] = [
    ["host.name: ws-0142", "findings of one host"],
    ["event.risk_score >= 70 and not process.name: (chrome.exe or msedge.exe)", "risky ones of other processes"],
    ["fresnel.destination.ip: 203.0.113.0/24", "calls to a network"],
    ["fresnel.timing.period_s > 60 and fresnel.timing.jitter <= 0.1", "slow and steady timers"],
    ["fresnel.reasons: {code: signer and points > 5}", "where a reason weighs"],
    ["updater", "any field that has the text"],
  ];
  return (
    <Dialog title="Help" onClose={close}>
      <h3>Keys</h3>
      <dl class="help">
        {keys.map(([k, what]) => (
          <div key={k}>
            <dt>
              {k.split("  ").map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3>Filters</h3>
      <dl class="help queries">
        {queries.map(([q, what]) => (
          <div key={q}>
            <dt>
              <code>{q}</code>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3>Risk</h3>
      <p class="muted">
        0 to 100: high from 70, medium from 40, some from 10. Reasons and their points stand with each finding. Times are in your zone; hold
        the pointer over one for UTC.
      </p>
    </Dialog>
  );
}
