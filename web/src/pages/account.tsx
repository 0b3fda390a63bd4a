import { request } from "../api/client";
import { act } from "../ui/change";
import { useMe } from "../ui/context";
import { Panel } from "../ui/parts";
import { PasswordForm } from "./login";

export function AccountPage() {
  const me = useMe();
  if (!me) return null;
  const end = async () => {
    const path = `/api/v1/users/${encodeURIComponent(me.name)}/sessions`;
    if (await act(() => request("DELETE", path), "All sessions have ended.")) location.assign("/");
  };
  return (
    <Panel id="account" title="Your account" note={`${me.name}, ${me.role ?? me.kind}`}>
      <div class="pad narrow">
        <h3>Change the password</h3>
        <PasswordForm old="" done={() => {}} />
        <h3>Sessions</h3>
        <p class="muted">Ends all sessions of yours, this one as well: of all browsers that you are logged in with.</p>
        <button type="button" onClick={end}>
          End all sessions
        </button>
      </div>
    </Panel>
  );
}
