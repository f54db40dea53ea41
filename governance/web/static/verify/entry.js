// Entries: canonical JSON (RFC 8785, integers only), the envelope, commitments.

const MAX_DEPTH = 32;
const MAX_ENTRY = 65535;

// The only spelling of a value. Throws `Malformed` for a value that has none here.
function canonical(value, depth = 0) {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw new Malformed(`\`${value}\` is not an integer within ±(2^53 - 1)`);
    }
    return String(value);
  }
  if (typeof value === "string") {
    if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)) {
      throw new Malformed("a string holds half of a surrogate pair, which UTF-8 cannot say");
    }
    return JSON.stringify(value);
  }
  if (depth === MAX_DEPTH) throw new Malformed(`the value is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  const members = Object.keys(value).sort().map((name) => {
    if (/[\ud800-\udfff]/.test(name)) throw new Malformed(`the member name \`${name}\` has a character beyond U+FFFF`);
    return `${JSON.stringify(name)}:${canonical(value[name], depth + 1)}`;
  });
  return `{${members.join(",")}}`;
}

// The value whose canonical spelling `text` is.
function parse(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Malformed(`this is not JSON: ${error.message}`);
  }
  if (canonical(value) !== text) throw new Malformed("the JSON is not in its canonical form (RFC 8785)");
  return value;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const KIND = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*$/;
const ROLE = /^[a-z][a-z0-9_]*$/;
const AT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{6}Z$/;
const ACTORS = ["agent", "gateway", "person", "service"];

// Whether text is a time that the calendar has.
function isTime(text) {
  const match = typeof text === "string" && AT.exec(text);
  if (!match) return false;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
  return year > 0 && day >= 1 && day <= (days ?? 0) && hour < 24 && minute < 60 && second < 60;
}

function checkMembers(value, name, fits, wanted) {
  if (value === undefined) return;
  if (!isObject(value)) throw new Malformed(`\`data.${name}\` must be an object`);
  for (const [member, item] of Object.entries(value)) {
    if (!fits(member, item)) throw new Malformed(`\`data.${name}.${member}\` must be ${wanted}`);
  }
}

// The entry that the bytes spell. Throws `Malformed` for any that no entry has.
function decodeEntry(bytes) {
  if (bytes.length > MAX_ENTRY) throw new Malformed(`the entry has ${bytes.length} bytes; at most ${MAX_ENTRY} fit`);
  const value = parse(textOf(bytes, "the entry"));
  if (!isObject(value) || Object.keys(value).sort().join() !== "at,by,data,kind,v") {
    throw new Malformed("the entry does not have exactly the members `at`, `by`, `data`, `kind` and `v`");
  }
  const { at, by, data, kind, v } = value;
  if (v !== 1) throw new Malformed(`\`v\` is \`${v}\`; this page knows version 1`);
  if (typeof kind !== "string" || kind.length > 64 || !KIND.test(kind)) {
    throw new Malformed(`\`kind\` is \`${String(kind).slice(0, 80)}\`; expected lower-case words joined by dots`);
  }
  if (!isObject(by) || !isObject(data)) throw new Malformed("`by` and `data` must be objects");
  const names = Object.keys(by);
  if (!("type" in by && "id" in by) || names.some((name) => !["type", "id", "key", "for"].includes(name))) {
    throw new Malformed("`by` has `type` and `id`, optionally `key` and `for`, and nothing besides");
  }
  for (const name of names) {
    if (typeof by[name] !== "string" || by[name] === "") throw new Malformed(`\`by.${name}\` must be a non-empty string`);
  }
  if (!ACTORS.includes(by.type)) throw new Malformed(`\`by.type\` is \`${by.type}\`; expected one of ${ACTORS.join(", ")}`);
  checkMembers(data.refs, "refs", (role, to) => ROLE.test(role) && Number.isSafeInteger(to) && to >= 0, "the index of an entry under the first word of a kind");
  checkMembers(data.commitments, "commitments", (_, item) => typeof item === "string" && /^[A-Za-z0-9_-]{43}$/.test(item), "43 characters of base64url");
  checkMembers(data.files, "files", (_, item) => typeof item === "string" && /^[0-9a-f]{64}$/.test(item), "a SHA-256 in lower-case hex");
  if (!isTime(at)) throw new Malformed(`\`at\` is \`${at}\`, which is no time of the form 2026-11-20T10:00:00.000000Z`);
  return value;
}

// RFC 9901 §4.2: what commits to `value` under `name`.
function commitment(salt, name, value) {
  if (unb64url(salt).length < 16) throw new Malformed(`the salt of \`${name}\` has fewer than 16 bytes`);
  const disclosure = b64url(bytesOf(canonical([salt, name, value])));
  return b64url(sha256(bytesOf(disclosure)));
}

function readDisclosures(bytes) {
  const file = "disclosures.jsonl";
  const wrong = (number, why) => tampered(`line ${number} of \`${file}\` was altered: ${why}`, { file });
  let text;
  try {
    text = textOf(bytes, "the file");
  } catch (error) {
    throw wrong(1, error.message);
  }
  if (text === "") return [];
  const lines = text.split("\n");
  const cut = lines.pop() !== "";
  const found = [];
  lines.forEach((line, position) => {
    let shown;
    try {
      shown = parse(line);
    } catch (error) {
      throw wrong(position + 1, error.message);
    }
    if (!isObject(shown) || Object.keys(shown).sort().join() !== "index,name,salt,value") {
      throw wrong(position + 1, "expected one object with index, name, salt and value");
    }
    if (!Number.isSafeInteger(shown.index) || shown.index < 0 || typeof shown.name !== "string" || typeof shown.salt !== "string") {
      throw wrong(position + 1, "expected a number, two texts and a value");
    }
    const before = found.at(-1);
    if (before && (before.index > shown.index || (before.index === shown.index && !inOrder(before.name, shown.name)))) {
      throw wrong(position + 1, "lines are sorted by index and name, without repeats");
    }
    found.push(shown);
  });
  if (cut) throw wrong(lines.length + 1, "the last line does not end");
  return found;
}

// By code point, as the format asks, not by UTF-16 unit.
function inOrder(one, two) {
  const left = Array.from(one, (char) => char.codePointAt(0)), right = Array.from(two, (char) => char.codePointAt(0));
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i] < right[i];
  }
  return left.length < right.length;
}
