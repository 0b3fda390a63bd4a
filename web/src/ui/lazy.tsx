import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Loading } from "./parts";

/** A page whose code comes when it is shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let page: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [, turn] = useState(0);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (page) return;
      load().then(
        (p) => {
          page = p;
          turn((n) => n + 1);
        },
        () => setFailed(true),
      );
    }, []);
    if (page) {
      const Page = page;
      return <Page {...props} />;
    }
    if (failed)
      return (
        <Empty title="This page could not be loaded">
          <p>
            The service does not answer, or has been renewed since.{" "}
            <button type="button" onClick={() => location.reload()}>
              Load it again
            </button>
          </p>
        </Empty>
      );
    return <Loading what="the page" rows={6} />;
  };
}

/** Whether what was drawn first has been painted: what stands below the screen does not delay it. */
export function usePainted(): boolean {
  const [painted, set] = useState(false);
  useEffect(() => set(true), []);
  return painted;
}
