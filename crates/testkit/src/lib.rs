//! What the tests share: a machine pair on a virtual clock, scripted peers, awkward trees.
