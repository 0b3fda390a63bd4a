import { type ComponentChildren, type ComponentType, Fragment, render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { request, session } from "./api/client";
import { asError } from "./api/hooks";
import { defaultFrom, hostsFrom } from "./lib/asks";
import { type Name, type Route, noView, routeOf, viewOf } from "./lib/url";
import { LoginPage, Mark } from "./pages/login";
import { OverviewPage } from "./pages/overview";
import "./styles.css";
import { type Me, SessionContext, ViewContext, can, carry } from "./ui/context";
import { FilterBar } from "./ui/filter";
import { Help } from "./ui/help";
import { watchKeys } from "./ui/keys";
import { lazy } from "./ui/lazy";
import { Empty, Failed, Loading, Text, Toasts, toast } from "./ui/parts";
import { followLinks, useAddress } from "./ui/router";
import { DarkContext, useTheme } from "./ui/theme";

const finding = () => import("./pages/finding");
const findings = () => import("./pages/findings");
const FindingPage = lazy<{ id: string }>(() => finding().then((m) => m.FindingPage));
const CasePage = lazy<{ id: string }>(() => finding().then((m) => m.CasePage));

interface Entry {
  page: Name;
  name: string;
  needs: "read" | "write" | "manage";
  show: ComponentType;
}

const entries: Entry[] = [
  { page: "overview", name: "Overview", needs: "read", show: OverviewPage },
  { page: "findings", name: "Findings", needs: "read", show: lazy(() => findings().then((m) => m.FindingsPage)) },
  { page: "hosts", name: "Hosts over time", needs: "read", show: lazy(() => import("./pages/hosts").then((m) => m.HostsPage)) },
  { page: "tuning", name: "Tuning", needs: "write", show: lazy(() => import("./pages/tuning").then((m) => m.TuningPage)) },
  { page: "filters", name: "Filters", needs: "write", show: lazy(() => import("./pages/filters").then((m) => m.FiltersPage)) },
  { page: "runs", name: "Runs", needs: "write", show: lazy(() => import("./pages/runs").then((m) => m.RunsPage)) },
  { page: "inputs", name: "Inputs", needs: "write", show: lazy(() => import("./pages/inputs").then((m) => m.InputsPage)) },
  { page: "config", name: "Configuration", needs: "write", show: lazy(() => import("./pages/config").then((m) => m.ConfigPage)) },
  { page: "users", name: "Users", needs: "manage", show: lazy(() => import("./pages/users").then((m) => m.UsersPage)) },
  { page: "keys", name: "API keys", needs: "manage", show: lazy(() => import("./pages/keys").then((m) => m.KeysPage)) },
  { page: "audit", name: "Audit trail", needs: "manage", show: lazy(() => import("./pages/audit").then((m) => m.AuditPage)) },
];

const account: Entry = {
  page: "account",
  name: "Account",
  needs: "read",
  show: lazy(() => import("./pages/account").then((m) => m.AccountPage)),
};

const entryOf = (route: Route) => [...entries, account].find((e) => e.page === route.page);

function Page({ route, me }: { route: Route; me: Me }): ComponentChildren {
  if (route.page === "finding") return <FindingPage id={route.id} />;
  if (route.page === "case") return <CasePage id={route.id} />;
  const entry = entryOf(route);
  if (!entry)
    return (
      <Empty title="There is no such page">
        <p>
          The link may be of another version. <a href="/">Back to the overview</a>
        </p>
      </Empty>
    );
  if (!can(me, entry.needs))
    return (
      <Empty title="Your role does not include this page">
        <p>
          You are {me.role}. An admin can give you another role. <a href="/">Back to the overview</a>
        </p>
      </Empty>
    );
  return <entry.show />;
}

/** The pages whose content the filter and the time range choose. */
const filtered: Partial<Record<Route["page"], string>> = { overview: defaultFrom, findings: defaultFrom, hosts: hostsFrom };

function Shell({ me, dark, setDark, logout }: { me: Me; dark: boolean; setDark: (dark: boolean) => void; logout: () => void }) {
  const address = useAddress();
  const route = routeOf(address.path);
  const view = viewOf(address.search);
  const [help, setHelp] = useState(false);
  useEffect(() => watchKeys(() => setHelp(true)), []);
  // The pages that are gone to most: their code is there before the first click.
  useEffect(() => {
    const timer = setTimeout(() => Promise.all([finding(), findings()]).catch(() => {}), 2000); // they say so when they are shown
    return () => clearTimeout(timer);
  }, []);
  const name = entryOf(route)?.name ?? { finding: "Finding", case: "Case", nowhere: "No such page" }[route.page as string] ?? "";
  useEffect(() => {
    document.title = `${name} · Fresnel`;
  }, [name]);
  // On a phone the names of the pages scroll: the one that is open is in sight.
  useEffect(() => {
    document.querySelector(".bar nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [route.page]);
  const fallback = filtered[route.page];
  const carried = fallback || route.page === "finding" || route.page === "case" ? view : noView;
  const mine = entries.filter((e) => can(me, e.needs));
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
            {mine.map((e, i) => {
              const on = e.page === route.page || (e.page === "findings" && (route.page === "finding" || route.page === "case"));
              return (
                <Fragment key={e.page}>
                  {e.needs !== "read" && mine[i - 1]?.needs === "read" && <li class="gap" aria-hidden="true" />}
                  <li>
                    <a
                      href={carry(e.page === "overview" ? "/" : `/${e.page}`, e.needs === "read" ? carried : noView)}
                      aria-current={on ? "page" : undefined}
                    >
                      {e.name}
                    </a>
                  </li>
                </Fragment>
              );
            })}
          </ul>
        </nav>
        <div class="tools">
          <button
            type="button"
            class="icon"
            aria-label={dark ? "Light colours" : "Dark colours"}
            title={dark ? "Light colours" : "Dark colours"}
            onClick={() => setDark(!dark)}
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
        <DarkContext.Provider value={dark}>
          <Page route={route} me={me} />
        </DarkContext.Provider>
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
  const [dark, setDark] = useTheme();
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
      <Shell me={me} dark={dark} setDark={setDark} logout={logout} />
    </SessionContext.Provider>
  );
}

followLinks();
const root = document.getElementById("app");
if (root) {
  root.textContent = "";
  render(<App />, root);
}
