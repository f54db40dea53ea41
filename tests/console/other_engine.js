// Runs the scripts of the verification page, without its page, in whatever engine reads this: for each
// case {name, zip, keys, kept} (base64 and texts) what the page would say.

async function ask(page, cases) {
  const { verify, importKey, openZip, Refusal } = page;
  const told = [];
  for (const { name, zip, keys, kept } of cases) {
    try {
      const pinned = [];
      for (const key of new Set(keys)) pinned.push(await importKey(key));
      const file = new Blob([decoded(zip)]);
      const held = kept.map((each, place) => ({ label: `receipt ${place + 1}`, bytes: decoded(each) }));
      await verify(() => openZip(file), pinned, held, async () => {});
      told.push({ name, exit: 0, entry: "", file: "" });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      told.push({ name, exit: error.exit, entry: String(error.entry ?? ""), file: String(error.file ?? "") });
    }
  }
  return told;
}

const decoded = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
