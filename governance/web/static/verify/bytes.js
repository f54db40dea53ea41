// Bytes as text, text as bytes, SHA-256 and the words of a refusal.
// Each encoding has one spelling: what is read is written again and must come out the same.

class Refusal extends Error {
  constructor(exit, message, about) {
    super(message);
    this.exit = exit;
    this.entry = null;
    this.file = null;
    Object.assign(this, about);
  }
}
// Bytes or text that follow no format of ours; in a package that is tampering.
class Malformed extends Error {}

const tampered = (message, about) => new Refusal(10, message, about);
const unknownKey = (message, about) => new Refusal(11, message, about);
const gap = (message, about) => new Refusal(12, message, about);
const nothing = (message) => new Refusal(13, message, {});

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const bytesOf = (text) => encoder.encode(text);

function textOf(bytes, what) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Malformed(`${what} is not UTF-8`);
  }
}

function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function same(one, two) {
  if (one.length !== two.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== two[i]) return false;
  return true;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

function b64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3072) {
    text += String.fromCharCode(...bytes.subarray(i, i + 3072));
  }
  return btoa(text);
}

function unb64(text) {
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new Malformed(`\`${text.slice(0, 80)}\` is not base64`);
  }
  const bytes = Uint8Array.from(raw, (char) => char.charCodeAt(0));
  if (b64(bytes) !== text) throw new Malformed(`\`${text.slice(0, 80)}\` is not base64 in its only spelling`);
  return bytes;
}

const b64url = (bytes) => b64(bytes).replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_");

function unb64url(text) {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  const bytes = unb64(padded);
  if (b64url(bytes) !== text) throw new Malformed(`\`${text.slice(0, 80)}\` is not base64url in its only spelling`);
  return bytes;
}

// A whole number without leading zeroes. Below 2^63 by the format; beyond 2^53 no log is that long.
function decimal(text) {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text) || BigInt(text) >= 2n ** 63n) {
    throw new Malformed(`\`${text.slice(0, 80)}\` is not a decimal number without leading zeroes below 2^63`);
  }
  return Number(text);
}

// -- SHA-256 (FIPS 180-4). Here, because the browser's own answers only one call at a time and a log
// needs millions; `selfTest` holds it against the browser's.
const ROUNDS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const schedule = new Int32Array(64);
const state = new Int32Array(8);
let scratch = new Uint8Array(1 << 17);

function compress(block, at) {
  const w = schedule;
  for (let i = 0; i < 16; i++, at += 4) {
    w[i] = (block[at] << 24) | (block[at + 1] << 16) | (block[at + 2] << 8) | block[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[i] + w[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

// The hash of `parts` after one another; a number stands for one byte.
function sha256(...parts) {
  let length = 0;
  for (const part of parts) length += typeof part === "number" ? 1 : part.length;
  const padded = (length + 9 + 63) & ~63;
  if (padded > scratch.length) scratch = new Uint8Array(padded * 2);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "number") scratch[at++] = part;
    else {
      scratch.set(part, at);
      at += part.length;
    }
  }
  scratch[at] = 0x80;
  scratch.fill(0, at + 1, padded);
  const view = new DataView(scratch.buffer);
  view.setUint32(padded - 8, Math.floor(length / 0x20000000));
  view.setUint32(padded - 4, (length << 3) >>> 0);
  state.set([0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]);
  for (let block = 0; block < padded; block += 64) compress(scratch, block);
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  for (let i = 0; i < 8; i++) out.setInt32(i * 4, state[i]);
  return digest;
}

const CRC = new Int32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  CRC[n] = c;
}

function crc32(bytes) {
  let c = -1;
  for (let i = 0; i < bytes.length; i++) c = (c >>> 8) ^ CRC[(c ^ bytes[i]) & 255];
  return ~c >>> 0;
}
