import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useState } from "preact/hooks";

/** Whether the colours are dark. Pictures on a canvas are drawn again when it changes. */
export const DarkContext = createContext(false);

export function useDark(): boolean {
  return useContext(DarkContext);
}

const system = matchMedia("(prefers-color-scheme: dark)");

/** Dark or light: what was chosen, else what the system has. */
export function useTheme(): [boolean, (dark: boolean) => void] {
  const [chosen, choose] = useState(() => localStorage.getItem("theme") ?? "");
  const [dark, setDark] = useState(system.matches);
  useEffect(() => {
    const follow = () => setDark(system.matches);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, []);
  // Before pictures read the colours.
  useLayoutEffect(() => {
    if (chosen) document.documentElement.dataset.theme = chosen;
  }, [chosen]);
  return [
    chosen ? chosen === "dark" : dark,
    (dark) => {
      const theme = dark ? "dark" : "light";
      localStorage.setItem("theme", theme);
      choose(theme);
    },
  ];
}
