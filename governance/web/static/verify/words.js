// What is proven, in words, and what no verification of this package could show.

function statement(result) {
  const { tree, verified, layout, entries, disclosures, outside, present, retained } = result;
  const signers = verified.filter((line) => line.name === tree.origin).map((line) => `\`${line.name}+${line.id}\``);
  const proven = [`the log \`${tree.origin}\` holds ${counted(tree.size, "entry", "entries")} under the root \`${b64(tree.root)}\`, signed by ${signers.join(", ")}`];
  if (layout.minimum) {
    proven.push(
      `the entries 0 to ${layout.minimum - 1} were pruned, as an entry of the log says; the hashes of all of them are here and are those that were signed`,
      `from entry ${layout.minimum} on, every entry is byte for byte what was signed, in its place; none is left out, inserted or exchanged before the end`,
    );
  } else proven.push("every entry is byte for byte what was signed, in its place; none is left out, inserted or exchanged before the end");
  proven.push(`times never go back: ${entries.firstAt} to ${entries.lastAt}`);
  proven.push(`references between entries: ${number(entries.references)}, each to an earlier entry of the kind it claims`);
  proven.push(...entries.changes.map(changeInWords));
  if (disclosures.length) proven.push(`commitments opened: ${number(disclosures.length)} of ${number(entries.commitments)}; the values shown are those committed to`);
  if (present.blobs.size) proven.push(`blobs: ${number(present.blobs.size)}, each with the bytes of its digest`);
  if (retained.length) proven.push(`heads and receipts kept outside: ${number(retained.length)}, all in agreement with the log`);
  for (const [name, heads] of Map.groupBy ? Map.groupBy(outside.seen, (seen) => seen.name) : grouped(outside.seen)) {
    const newest = heads.reduce((one, two) => (two.size >= one.size ? two : one));
    const more = heads.length > 1 ? ` (and ${counted(heads.length - 1, "head", "heads")} before)` : "";
    proven.push(`the first ${counted(newest.size, "entry", "entries")} existed before ${utc(newest.time)}: the witness \`${name}\` cosigned their tree then${more}`);
  }
  return { proven, notProven: limits(result) };
}

function grouped(seen) {
  const groups = new Map();
  for (const one of seen) groups.set(one.name, [...(groups.get(one.name) ?? []), one]);
  return groups;
}

function limits({ tree, entries, disclosures, outside, present, retained }) {
  const lines = [retained.length
    ? "that no entries were cut off after the last one that the retained head or receipts cover"
    : "that no entries were cut off after the last, or the whole log rewritten by whoever has the key: no retained head or receipt was given"];
  const given = outside.unknown ? " with a key that was given" : "";
  const last = outside.seen.reduce((most, seen) => Math.max(most, seen.size), 0);
  if (last < tree.size) {
    lines.push(`that ${last ? `the times from entry ${last} on` : "the times"} are true: no witness${given} saw them, they are the operator's word`);
    lines.push(`that others were shown the same log: no witness has signed ${last ? `a tree of more than ${number(last)} entries` : "this tree"}${given}`);
  }
  if (outside.unknown) lines.push(`cosignatures by keys that were not given: ${number(outside.unknown)}; they were not checked`);
  if (outside.stamps) lines.push(`time-stamps: ${number(outside.stamps)} were not checked, because a browser cannot; the Python verifier can (--tsa)`);
  const hidden = entries.commitments - disclosures.length;
  if (hidden > 0) lines.push(`the values behind ${number(hidden)} of ${number(entries.commitments)} commitments: they were withheld or erased`);
  const missing = [...entries.files].filter((digest) => !present.blobs.has(digest)).length;
  const unnamed = [...present.blobs].filter((digest) => !entries.files.has(digest)).length;
  if (missing) lines.push(`the content of files that entries name: ${number(missing)} are not in the package`);
  if (unnamed) lines.push(`that every blob belongs to the log: no entry names the digest of ${number(unnamed)}`);
  if (entries.unseen) lines.push(`that ${number(entries.unseen)} references are to entries of the kind they claim: those entries were pruned`);
  if (present.verifier) lines.push(`that the \`verify.py\` in the package is the published one: compare its SHA-256, \`${present.verifier}\`, with the one that was published`);
  if (present.partly) lines.push("that the folder holds nothing else: a browser gives this page no links and not every hidden file");
  lines.push("that the verdicts follow from the policies: they were not re-performed here");
  lines.push("that everything that happened was put into the log");
  return lines;
}
