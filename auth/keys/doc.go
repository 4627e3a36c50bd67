// Package keys holds the signing keys of our own that change by themselves: when a key has signed for long enough, the
// next one is published, signs once everybody has seen it, and the one before is removed once no token of it is left.
//
//	           publish_for           rotate_every          longest life of a token
//	published ────────────▶ signing ─────────────▶ retired ───────────────────────▶ removed
//	└──────────────────────── in the key set for others ──────────────────────────┘
//
// A [Set] is the keys as one process has them. Processes that share a [Store] have the same keys: what is to happen is
// written down ahead as times, in one document that is only ever replaced as a whole by who has read it last. So any
// of them may lead, no two do different things, and all of them turn to the next key at the same moment of their
// clocks, also while the store is away. The clocks may differ by as little as the tokens allow. What is removed at once goes by no
// clock: nothing is left of it in the document.
package keys
