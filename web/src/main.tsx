import { type ComponentChildren, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { request, session } from "./api/client";
import { asError } from "./api/hooks";
import { type Route, noView, routeOf, viewOf } from "./lib/url";
import { LoginPage, Mark } from "./pages/login";
import { OverviewPage } from "./pages/overview";
import "./styles.css";
import { type Me, SessionContext, ViewContext, can, carry, defaultFrom } from "./ui/context";
import { FilterBar } from "./ui/filter";
import { watchKeys } from "./ui/keys";
import { lazy } from "./ui/lazy";
import { Dialog, Empty, Failed, Loading, Text, Toasts, toast } from "./ui/parts";
import { followLinks, useAddress } from "./ui/router";

const finding = () => import("./pages/finding");
const admin = () => import("./pages/admin");
const FindingsPage = lazy(() => import("./pages/findings").then((m) => m.FindingsPage));
const FindingPage = lazy<{ id: string }>(() => finding().then((m) => m.FindingPage));
const CasePage = lazy<{ id: string }>(() => finding().then((m) => m.CasePage));
const HostsPage = lazy(() => import("./pages/hosts").then((m) => m.HostsPage));
const TuningPage = lazy(() => import("./pages/tuning").then((m) => m.TuningPage));
const FiltersPage = lazy(() => import("./pages/filters").then((m) => m.FiltersPage));
const RunsPage = lazy(() => admin().then((m) => m.RunsPage));
const InputsPage = lazy(() => admin().then((m) => m.InputsPage));
const ConfigPage = lazy(() => admin().then((m) => m.ConfigPage));
const UsersPage = lazy(() => admin().then((m) => m.UsersPage));
const KeysPage = lazy(() => admin().then((m) => m.KeysPage));
const AuditPage = lazy(() => admin().then((m) => m.AuditPage));
const AccountPage = lazy(() => admin().then((m) => m.AccountPage));

type Permission = "read" | "write" | "manage";

interface Entry {
  page: Route["page"];
  path: string;
  name: string;
  needs: Permission;
}

const entries: Entry[] = [
  { page: "overview", path: "/", name: "Overview", needs: "read" },
  { page: "findings", path: "/findings", name: "Findings", needs: "read" },
  { page: "hosts", path: "/hosts", name: "Hosts over time", needs: "read" },
];

const service: Entry[] = [
  { page: "tuning", path: "/tuning", name: "Tuning", needs: "write" },
  { page: "filters", path: "/filters", name: "Filters", needs: "write" },
  { page: "runs", path: "/runs", name: "Runs", needs: "write" },
  { page: "inputs", path: "/inputs", name: "Inputs", needs: "write" },
  { page: "config", path: "/config", name: "Configuration", needs: "write" },
  { page: "users", path: "/users", name: "Users", needs: "manage" },
  { page: "keys", path: "/keys", name: "API keys", needs: "manage" },
  { page: "audit", path: "/audit", name: "Audit trail", needs: "manage" },
];

function Page({ route, me }: { route: Route; me: Me }): ComponentChildren {
  const entry = [...entries, ...service].find((e) => e.page === route.page);
  if (entry && !can(me, entry.needs))
    return (
      <Empty title="Your role does not include this page">
        <p>
          You are {me.role}. An admin can give you another role. <a href="/">Back to the overview</a>
        </p>
      </Empty>
    );
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "findings":
      return <FindingsPage />;
    case "finding":
      return <FindingPage id={route.id} />;
    case "case":
      return <CasePage id={route.id} />;
    case "hosts":
      return <HostsPage />;
    case "tuning":
      return <TuningPage />;
    case "filters":
      return <FiltersPage />;
    case "runs":
      return <RunsPage />;
    case "inputs":
      return <InputsPage />;
    case "config":
      return <ConfigPage />;
    case "users":
      return <UsersPage />;
    case "keys":
      return <KeysPage />;
    case "audit":
      return <AuditPage />;
    case "account":
      return <AccountPage />;
    case "nowhere":
      return (
        <Empty title="There is no such page">
          <p>
            The link may be of another version. <a href="/">Back to the overview</a>
          </p>
        </Empty>
      );
  }
}

/** The pages whose content the filter and the time range choose. */
const filtered: Partial<Record<Route["page"], string>> = { overview: defaultFrom, findings: defaultFrom, hosts: "now-14d" };

type Theme = "light" | "dark" | "";

function useTheme(): [Theme, (t: Theme) => void] {
  const [theme, set] = useState<Theme>(() => {
    const kept = localStorage.getItem("theme");
    return kept === "light" || kept === "dark" ? kept : "";
  });
  useEffect(() => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  }, [theme]);
  return [
    theme,
    (t) => {
      if (t) localStorage.setItem("theme", t);
      else localStorage.removeItem("theme");
      set(t);
    },
  ];
}

function Help({ close }: { close: () => void }) {
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

function Shell({ me, logout }: { me: Me; logout: () => void }) {
  const address = useAddress();
  const route = routeOf(address.path);
  const view = viewOf(address.search);
  const [help, setHelp] = useState(false);
  const [theme, setTheme] = useTheme();
  useEffect(() => watchKeys(() => setHelp(true)), []);
  const name =
    [...entries, ...service].find((e) => e.page === route.page)?.name ??
    { finding: "Finding", case: "Case", account: "Account" }[route.page as string] ??
    "Fresnel";
  useEffect(() => {
    document.title = `${name} · Fresnel`;
  }, [name]);
  const fallback = filtered[route.page];
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const carried = fallback || route.page === "finding" || route.page === "case" ? view : noView;
  const item = (e: Entry, on: boolean) => (
    <li key={e.page}>
      <a href={carry(e.path, e.needs === "read" ? carried : noView)} aria-current={on ? "page" : undefined}>
        {e.name}
      </a>
    </li>
  );
  const mine = service.filter((e) => can(me, e.needs));
  return (
    <ViewContext.Provider value={view}>
      <a class="skip" href="#main">
        To the content
      </a>
      <header class="bar">
        <a class="brand" href="/">
          <Mark /> Fresnel
        </a>
        <nav aria-label="Pages">
          <ul>
            {entries.map((e) =>
              item(e, e.page === route.page || (e.page === "findings" && (route.page === "finding" || route.page === "case"))),
            )}
            {mine.length > 0 && <li class="gap" aria-hidden="true" />}
            {mine.map((e) => item(e, e.page === route.page))}
          </ul>
        </nav>
        <div class="tools">
          <button
            type="button"
            class="icon"
            aria-label={dark ? "Light colours" : "Dark colours"}
            title={dark ? "Light colours" : "Dark colours"}
            onClick={() => setTheme(dark ? "light" : "dark")}
          >
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
              <circle cx="8" cy="8" r="6.250" fill="none" stroke="currentColor" stroke-width="1.500" />
              <path d="M8 1.750a6.250 6.250 0 0 1 0 12.500z" fill="currentColor" />
            </svg>
          </button>
          <button type="button" class="icon" aria-label="Help" title="Help (?)" onClick={() => setHelp(true)}>
            ?
          </button>
          <a href="/account" title={`${me.name}, ${me.role ?? me.kind}: your account`}>
            <Text>{me.name}</Text>
          </a>
          <button type="button" class="small" onClick={logout}>
            Log out
          </button>
        </div>
      </header>
      {fallback && <FilterBar fallback={fallback} key={route.page} />}
      <main id="main" tabIndex={-1}>
        {route.page !== "finding" && route.page !== "case" && <h1 class="hidden">{name}</h1>}
        <Page route={route} me={me} />
      </main>
      {help && <Help close={() => setHelp(false)} />}
      <Toasts />
    </ViewContext.Provider>
  );
}

type State =
  | { kind: "asking" }
  | { kind: "unreachable"; error: ReturnType<typeof asError> }
  | { kind: "nobody" }
  | { kind: "known"; me: Me };

function App() {
  const [state, set] = useState<State>({ kind: "asking" });
  const ask = () => {
    set({ kind: "asking" });
    request<Me>("GET", "/api/v1/me").then(
      (me) => set({ kind: "known", me }),
      (e) => {
        const error = asError(e);
        set(error.status === 401 ? { kind: "nobody" } : { kind: "unreachable", error });
      },
    );
  };
  useEffect(() => {
    session.lost = (e) => {
      if (e.status === 401) set({ kind: "nobody" });
      else ask(); // the password must be changed first: of this the server tells more
    };
    ask();
  }, []);
  const logout = async () => {
    try {
      await request("POST", "/api/v1/logout");
      set({ kind: "nobody" });
    } catch (e) {
      toast(asError(e).message, "bad");
    }
  };
  if (state.kind === "asking")
    return (
      <main id="main">
        <Loading what="Fresnel" rows={8} />
      </main>
    );
  if (state.kind === "unreachable")
    return (
      <main id="main">
        <h1 class="hidden">Fresnel</h1>
        <Failed what="Fresnel" error={state.error} retry={ask} />
      </main>
    );
  const me = state.kind === "known" ? state.me : null;
  if (!me || me.must_change) return <LoginPage me={me} done={(m) => set({ kind: "known", me: m })} />;
  return (
    <SessionContext.Provider value={me}>
      <Shell me={me} logout={logout} />
    </SessionContext.Provider>
  );
}

followLinks();
const root = document.getElementById("app");
if (root) {
  root.textContent = "";
  render(<App />, root);
}
