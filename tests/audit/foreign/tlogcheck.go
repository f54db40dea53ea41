// Command tlogcheck lets golang.org/x/mod/sumdb judge logs, checkpoints and proofs of ours.
//
// It reads a JSON list of cases from standard input and prints a JSON list of answers: "" for what
// was accepted, a sentence for what was refused. Everything that is judged is judged by the
// packages note and tlog; this file only finds the tiles and reads the text around the hashes.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8
const width = 1 << height

// A Case is one thing to judge; which fields it needs depends on its kind.
type Case struct {
	Kind   string   // "log", "inclusion", "consistency" or "proof"
	Vkey   string   // whose signature has to be on every checkpoint
	Dir    string   // log: the directory with checkpoint and tiles
	First  int64    // log: its minimum index; bundles that end there or before may be missing
	Note   string   // the checkpoint
	Old    string   // consistency: the older checkpoint
	Index  int64    // inclusion: which entry
	Entry  string   // inclusion, proof: its bytes, base64
	Hashes []string // the proof's hashes, base64
	Text   string   // proof: the whole proof file
}

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, "tlogcheck: standard input is not a list of cases:", err)
		os.Exit(2)
	}
	answers := make([]string, len(cases))
	for i, c := range cases {
		if err := c.judge(); err != nil {
			answers[i] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		os.Exit(1)
	}
}

func (c Case) judge() error {
	switch c.Kind {
	case "log":
		return c.wholeLog()
	case "inclusion":
		return c.inclusion(c.Note, c.Index, c.Hashes)
	case "consistency":
		return c.consistency()
	case "proof":
		return c.proofFile()
	}
	return fmt.Errorf("there is no kind %q", c.Kind)
}

// open checks the signature and returns the tree that a checkpoint names.
func (c Case) open(text string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(c.Vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("the note is no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("the size is no number")
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

func (c Case) inclusion(text string, index int64, hashes []string) error {
	tree, err := c.open(text)
	if err != nil {
		return err
	}
	entry, err := base64.StdEncoding.DecodeString(c.Entry)
	if err != nil {
		return err
	}
	path, err := parse(hashes)
	if err != nil {
		return err
	}
	if index < 0 || index >= tree.N {
		return errors.New("the log has no such entry")
	}
	return tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

func (c Case) consistency() error {
	older, err := c.open(c.Old)
	if err != nil {
		return err
	}
	newer, err := c.open(c.Note)
	if err != nil {
		return err
	}
	path, err := parse(c.Hashes)
	if err != nil {
		return err
	}
	if older.N < 1 || older.N > newer.N {
		return errors.New("there is no proof between these sizes")
	}
	return tlog.CheckTree(path, newer.N, newer.Hash, older.N, older.Hash)
}

// proofFile reads a c2sp.org/tlog-proof@v1 file.
func (c Case) proofFile() error {
	head, checkpoint, found := strings.Cut(c.Text, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" || len(lines) < 2 {
		return errors.New("this is no tlog-proof")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("the proof names no index")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return err
	}
	return c.inclusion(checkpoint, index, lines[1:])
}

func parse(hashes []string) ([]tlog.Hash, error) {
	path := make([]tlog.Hash, len(hashes))
	for i, text := range hashes {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		path[i] = hash
	}
	return path, nil
}

// wholeLog reads every entry and every hash of the log, as a client of its tiles would.
func (c Case) wholeLog() error {
	text, err := os.ReadFile(filepath.Join(c.Dir, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := c.open(string(text))
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{c.Dir})
	expected := tlog.NewTiles(height, 0, tree.N)
	for i, tile := range expected {
		if i+1 < len(expected) && expected[i+1].L == tile.L && expected[i+1].N == tile.N {
			continue // a wider one of the same place follows, and only that one is kept
		}
		found, err := (tiles{c.Dir}).ReadTiles([]tlog.Tile{tile})
		if err != nil {
			return err
		}
		wanted, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return err
		}
		if !bytes.Equal(found[0], wanted) {
			return fmt.Errorf("%s is not what the tree gives", tile.Path())
		}
	}
	for start := c.First / width * width; start < tree.N; start += width {
		entries, err := bundle(c.Dir, start/width, tree.N)
		if err != nil {
			return err
		}
		indexes := make([]int64, len(entries))
		for i := range entries {
			indexes[i] = tlog.StoredHashIndex(0, start+int64(i))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != hashes[i] {
				return fmt.Errorf("entry %d is not the one in the tree", start+int64(i))
			}
		}
	}
	return nil
}

// tiles reads the tiles of tlog-tiles, whose paths lack the height that Go's have.
type tiles struct{ dir string }

func (t tiles) Height() int { return height }

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		found, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil {
			return nil, err
		}
		if len(found) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", path, len(found))
		}
		data[i] = found
	}
	return data, nil
}

// bundle reads the entries of bundle n in a log of so many entries.
func bundle(dir string, n int64, size int64) ([][]byte, error) {
	count := size - n*width
	if count > width {
		count = width
	}
	tile := tlog.Tile{H: height, L: 0, N: n, W: int(count)}
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/0/", height), "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	rest := bytes.NewBuffer(data)
	for rest.Len() > 0 {
		var length uint16
		if err := binary.Read(rest, binary.BigEndian, &length); err != nil {
			return nil, err
		}
		entry := rest.Next(int(length))
		if len(entry) != int(length) {
			return nil, errors.New("the bundle ends within an entry")
		}
		entries = append(entries, entry)
	}
	if int64(len(entries)) != count {
		return nil, fmt.Errorf("the bundle has %d entries, not %d", len(entries), count)
	}
	return entries, nil
}
