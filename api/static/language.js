// One language: its texts, and how it writes numbers, sizes, plurals and dates.

import arabic from "./arabic.js";
import english from "./english.js";

const TEXTS = { ar: arabic, en: english };
const LOCALES = { ar: "ar-u-nu-arab", en: "en" };

/** One language: its texts under their names, and how it writes numbers and dates. */
export function language(code) {
  const locale = LOCALES[code];
  const numbers = new Intl.NumberFormat(locale);
  const scores = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
  const shares = new Intl.NumberFormat(locale, { style: "percent" });
  const sizes = Object.fromEntries(["kilobyte", "megabyte"].map((unit) => [unit, new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: code === "ar" ? "long" : "short", maximumFractionDigits: 1 })]));
  const plurals = new Intl.PluralRules(locale);
  const days = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" });
  const texts = TEXTS[code];
  return {
    ...texts,
    code,
    direction: code === "ar" ? "rtl" : "ltr",
    other: code === "ar" ? "en" : "ar",
    otherName: code === "ar" ? "English" : "العربية",
    number: (value) => numbers.format(value),
    percent: (share) => shares.format(share),
    size: (bytes) => (bytes < 1e6 ? sizes.kilobyte.format(Math.ceil(bytes / 1e3)) : sizes.megabyte.format(bytes / 1e6)),
    score: (value) => scores.format(value),
    day: (iso) => days.format(new Date(`${iso}T00:00:00Z`)),
    /** A filter's value as people write it. */
    filter: (name, value) => (["from", "to"].includes(name) && !Number.isNaN(Date.parse(`${value}T00:00:00Z`)) ? days.format(new Date(`${value}T00:00:00Z`)) : value),
    count(noun, value) {
      const forms = texts[noun];
      return (forms[plurals.select(value)] ?? forms.other)(numbers.format(value));
    },
  };
}
