import { describe, expect, test } from "vitest";
import { bytes, count, duration, every, inputCounts, jitter, levelOf, number, plural, points } from "../../src/lib/format";
import { safe } from "../../src/lib/safe";

describe("numbers read as in the reports", () => {
  test.each([
    [0, "0s"],
    [0.25, "250ms"],
    [59, "59s"],
    [90, "1m 30s"],
    [3600, "1h"],
    [3601, "1h"], // two units that follow one another, or one
    [86400 + 3 * 3600, "1d 3h"],
  ])("a length of %s s is %s", (s, want) => expect(duration(s)).toBe(want));
  test.each([
    [4.47, "4.5s"],
    [15.82, "16s"],
    [9.97, "10s"],
    [327.06, "5m 27s"],
    [1083.88, "18m"],
    [1757.6, "29m 20s"],
    [7190, "2h"],
  ])("a period of %s s is known as %s", (s, want) => expect(every(s)).toBe(want));
  test.each([
    [0.0513, "±5 %"],
    [0.021, "±2.1 %"],
    [0.0004, "±0 %"],
    [0.38, "±38 %"],
  ])("a jitter of %s is %s", (share, want) => expect(jitter(share)).toBe(want));
  test.each([
    [16, "+16"],
    [5.74, "+5.7"],
    [0.04, "+0.04"],
    [-1.9, "−1.9"],
    [-0.001, "0"],
    [0, "+0"],
  ])("%s points are %s", (p, want) => expect(points(p)).toBe(want));
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [53566, "53.6 kB"],
    [229030751, "229 MB"],
    [1.5e9, "1.5 GB"],
  ])("%s bytes are %s", (n, want) => expect(bytes(n)).toBe(want));
  test("the rest", () => {
    expect(count(1234567)).toBe("1,234,567");
    expect(plural(1, "process", "processes")).toBe("1 process");
    expect(plural(2, "process", "processes")).toBe("2 processes");
    expect(number(0.08969)).toBe("0.0897");
    expect(number(1e-7)).toBe("1.0e-7");
  });
  test.each([
    [70, "high"],
    [69.99, "medium"],
    [40, "medium"],
    [10, "some"],
    [9.9, "low"],
    [undefined, "unranked"],
  ])("a score of %s is %s", (score, want) => expect(levelOf(score)).toBe(want));
});

describe("text of logs is shown as it is, and nothing that misleads", () => {
  test.each([
    ["plain.exe", "plain.exe"],
    ["<img onerror=x>", "<img onerror=x>"],
    ["a\u202egpj.exe", "a\\u202egpj.exe"],
    ["a\nb\tc\r", "a\\nb\\tc\\r"],
    ["nul\u0000", "nul\\x00"],
    ["wide \u200b space", "wide \\u200b space"],
    ["tag \u{e0041}", "tag \\U000e0041"],
    ["Müller 日本", "Müller 日本"],
  ])("%j is shown as %j", (text, want) => expect(safe(text)).toBe(want));
});

test.each<[Record<string, number>, string]>([
  [{ bytes: 1234, stored: 3, rejected: 1, passed: 0 }, "1.23 kB read, 3 events stored, 1 record rejected"],
  [{ stored: 1, passed: 2, behind_bytes: 10 }, "1 event stored, 2 records of other kinds, 10 B behind"],
  [{ stored: 0 }, ""],
])("an input with %o has brought %s", (counts, want) => expect(inputCounts(counts)).toBe(want));
