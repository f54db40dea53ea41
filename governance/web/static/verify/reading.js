// Entry after entry: order, references, disclosures; the first that is wrong is kept.

class Entries {
  constructor(minimum, disclosures, wanted) {
    this.minimum = minimum;
    this.wanted = wanted;
    this.wrong = null;
    this.firstAt = this.lastAt = "";
    this.roles = [];
    this.numberOf = new Map();
    this.roleOf = [];
    this.kinds = new Map();
    this.references = this.unseen = this.commitments = this.pruned = 0;
    this.files = new Set();
    this.changes = [];
    this.shown = new Map();
    this.times = new Map();
    for (const shown of disclosures) {
      if (!this.shown.has(shown.index)) this.shown.set(shown.index, []);
      this.shown.get(shown.index).push(shown);
    }
  }

  read(first, entries) {
    for (let i = 0; i < entries.length && this.wrong === null; i++) {
      const index = first + i;
      try {
        this.one(index, decodeEntry(entries[i]));
      } catch (error) {
        if (error instanceof Refusal) this.wrong = error;
        else if (error instanceof Malformed) {
          this.wrong = tampered(`entry ${index} is not as an entry must be, though it was signed: ${error.message}`, { entry: index });
        } else throw error;
      }
    }
  }

  one(index, entry) {
    const { at, kind, data } = entry;
    if (at < this.lastAt) throw new Malformed(`its time ${at} is before that of the entry before it`);
    this.firstAt ||= at;
    this.lastAt = at;
    if (this.wanted.has(index)) this.times.set(index, at);
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    const [first] = kind.split(".", 1);
    const role = this.numberOf.get(first) ?? this.roles.push(first) - 1;
    this.numberOf.set(first, role);
    this.roleOf[index - this.minimum] = role;
    for (const [name, target] of Object.entries(data.refs ?? {})) {
      this.references += 1;
      if (target >= index) throw new Malformed(`\`refs.${name}\` points to entry ${target}, which is not before it`);
      if (target < this.minimum) {
        this.unseen += 1;
        continue;
      }
      const found = this.roles[this.roleOf[target - this.minimum]];
      if (found !== name) throw new Malformed(`\`refs.${name}\` points to entry ${target}, which is a \`${found}\``);
    }
    const committed = data.commitments ?? {};
    this.commitments += Object.keys(committed).length;
    for (const digest of Object.values(data.files ?? {})) this.files.add(digest);
    if (kind === "retention.pruned" && Number.isSafeInteger(data.minimum)) this.pruned = Math.max(this.pruned, data.minimum);
    const change = changeOf(index, entry);
    if (change) this.changes.push(change);
    for (const shown of this.shown.get(index) ?? []) this.checkShown(index, committed, shown);
  }

  checkShown(index, committed, { name, salt, value }) {
    const wrong = (why) => tampered(`\`disclosures.jsonl\`, entry ${index}: ${why}`, { entry: index, file: "disclosures.jsonl" });
    if (!Object.hasOwn(committed, name)) throw wrong(`a value is shown for \`${name}\`, to which it does not commit`);
    let made;
    try {
      made = commitment(salt, name, value);
    } catch (error) {
      throw wrong(error.message);
    }
    if (made !== committed[name]) throw wrong(`the value shown for \`${name}\` is not the one that was committed to`);
  }

  check(minimum) {
    if (this.wrong !== null) throw this.wrong;
    if (minimum > this.pruned) {
      throw gap(`the entries ${this.pruned} to ${minimum - 1} are missing, and no entry of the log says that they were pruned (\`retention.pruned\`)`, { entry: this.pruned });
    }
  }
}
