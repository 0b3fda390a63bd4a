import { describe, expect, test } from "vitest";
import { ago, full, localInput, moment, offset, rangeName, rfc3339, short, utc, withUTC } from "../../src/lib/time";

const at = Date.UTC(2026, 6, 1, 22, 30, 5); // summer in Berlin

describe("times are in the viewer's zone", () => {
  test("of July in Berlin", () => {
    expect(full(at, "Europe/Berlin")).toBe("2026-07-02 00:30:05");
    expect(short(at, "Europe/Berlin")).toBe("07-02 00:30");
    expect(offset(at, "Europe/Berlin")).toBe(2 * 3600e3);
    expect(offset(Date.UTC(2026, 0, 1), "Europe/Berlin")).toBe(3600e3);
    expect(offset(at, "Asia/Kolkata")).toBe(5.5 * 3600e3);
    expect(utc(at)).toBe("2026-07-01 22:30:05 UTC");
    expect(withUTC(at)).toBe("07-02 00:30 (2026-07-01 22:30:05 UTC)");
    expect(localInput(at, "Europe/Berlin")).toBe("2026-07-02T00:30");
  });
  test("of the viewer without a name, also where clocks are set", () => {
    for (const t of [
      at,
      Date.UTC(2026, 2, 29, 0, 59, 59),
      Date.UTC(2026, 2, 29, 1),
      Date.UTC(2026, 9, 25, 0, 30),
      Date.UTC(2026, 9, 25, 1, 30),
      Date.UTC(1969, 11, 31, 23, 59, 59) + 999,
    ]) {
      expect(full(t)).toBe(full(t, "Europe/Berlin")); // where tests are
      expect(offset(t)).toBe(offset(t, "Europe/Berlin"));
      expect(full(t, "UTC")).toBe(full(t, "Etc/UTC"));
    }
  });
  test.each([
    [0, "just now"],
    [59, "just now"],
    [61, "1 min ago"],
    [7199, "1 h ago"],
    [3 * 86400, "3 d ago"],
    [-5, "to come"],
  ])("%s s before now is %s", (s, want) => expect(ago(at - s * 1000, at)).toBe(want));
});

describe("parts of time are written as the API has them", () => {
  test.each([
    ["now", at],
    ["", at],
    ["now-6h", at - 6 * 3600e3],
    ["now-2w", at - 14 * 86400e3],
    ["2026-07-01", Date.UTC(2026, 6, 1)],
    ["2026-07-01T22:30:05Z", at],
    ["2026-07-02T00:30:05+02:00", at],
    ["now/d", null],
    ["yesterday", null],
    ["2026-13-01", null],
  ])("%s is a moment", (text, want) => expect(moment(text, at)).toBe(want));
  test("whole seconds", () => expect(rfc3339(at + 999)).toBe("2026-07-01T22:30:05Z"));
  test("have names", () => {
    expect(rangeName("now-6h", "")).toBe("last 6 hours");
    expect(rangeName("now-6h", "now-1h")).toBe("now-6h to now-1h");
    expect(rangeName("2026-07-01T22:30:05Z", "", "Europe/Berlin")).toBe("07-02 00:30 to now");
  });
});
