package storagetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

func isolationClauses() []clause {
	return []clause{
		{"Counter", isolationCounter},
		{"RefCounter", isolationRefCounter},
		{"WriteSkew", isolationWriteSkew},
		{"PhantomRecords", isolationPhantomRecords},
		{"PhantomRefs", isolationPhantomRefs},
		{"PhantomObjects", isolationPhantomObjects},
		{"ReadOnlyKeys", isolationReadOnlyKeys},
		{"Bank", isolationBank},
		{"Linearizable", isolationLinearizable},
	}
}

// number reads a record that holds a decimal number; a missing one is 0.
func number(v storage.View, key string) (int, error) {
	value, err := v.Record([]byte(key))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(value))
}

func putNumber(tx storage.Tx, key string, n int) error {
	return tx.PutRecord([]byte(key), strconv.AppendInt(nil, int64(n), 10))
}

func (f *fixture) wantNumber(key string, want int) {
	f.Helper()
	f.view(func(v storage.View) error {
		got, err := number(v, key)
		if got != want {
			f.Errorf("record %q = %d, want %d", key, got, want)
		}
		return err
	})
}

func isolationCounter(f *fixture) {
	const writers, rounds = 8, 25
	f.together(writers, func(int) error {
		for range rounds {
			err := f.b.Update(f.ctx, func(tx storage.Tx) error {
				n, err := number(tx, "counter")
				return errors.Join(err, putNumber(tx, "counter", n+1))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.wantNumber("counter", writers*rounds)
}

// isolationRefCounter moves one ref by compare-and-swap from several goroutines: its log has every move.
func isolationRefCounter(f *fixture) {
	const writers, rounds = 6, 15
	repo := f.createRepo(1)
	f.together(writers, func(i int) error {
		for j := range rounds {
			err := f.b.Update(f.ctx, func(tx storage.Tx) error {
				old, err := tx.Ref(repo, "refs/heads/main")
				if err != nil && !errors.Is(err, storage.ErrNotFound) {
					return err
				}
				next := refTo("refs/heads/main", 1000*i+j)
				e := entry("move", next.Hash)
				e.Old = old.Hash
				return tx.PutRef(repo, next, e)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.view(func(v storage.View) error {
		r, err := v.Ref(repo, "refs/heads/main")
		if err != nil {
			return err
		}
		at, n := r.Hash, 0
		for e, err := range v.Log(repo, "refs/heads/main") {
			if err != nil {
				return err
			}
			if e.New != at {
				return fmt.Errorf("entry %d of the log moves to %v, but what came after it began at %v", n, e.New, at)
			}
			at, n = e.Old, n+1
		}
		if n != writers*rounds || !at.IsZero() {
			f.Errorf("the log has %d entries back to %v, want %d back to zero", n, at, writers*rounds)
		}
		return nil
	})
}

// isolationWriteSkew has two Updates that read the same two records and write one each: both on call may not leave.
func isolationWriteSkew(f *fixture) {
	for range 20 {
		f.update(func(tx storage.Tx) error {
			return errors.Join(putNumber(tx, "on call 0", 1), putNumber(tx, "on call 1", 1))
		})
		f.together(2, func(i int) error {
			return f.b.Update(f.ctx, func(tx storage.Tx) error {
				a, errA := number(tx, "on call 0")
				b, errB := number(tx, "on call 1")
				if errA != nil || errB != nil || a+b < 2 {
					return errors.Join(errA, errB)
				}
				return putNumber(tx, fmt.Sprint("on call ", i), 0)
			})
		})
		f.view(func(v storage.View) error {
			a, errA := number(v, "on call 0")
			b, errB := number(v, "on call 1")
			if a+b != 1 {
				f.Errorf("%d are on call, want 1: the Updates were not one after the other", a+b)
			}
			return errors.Join(errA, errB)
		})
	}
}

// isolationPhantomRecords has creators who each take the only place in a range that they have seen empty.
func isolationPhantomRecords(f *fixture) {
	for round := range 20 {
		lo := fmt.Appendf(nil, "round %d/", round)
		var created atomic.Int32
		f.together(4, func(i int) error {
			var did bool
			err := f.b.Update(f.ctx, func(tx storage.Tx) error {
				did = false
				all, err := collect(tx.Records(lo, above(lo), storage.Ascending))
				if err != nil || len(all) > 0 {
					return err
				}
				did = true
				return tx.PutRecord(fmt.Appendf(nil, "%s%d", lo, i), []byte("x"))
			})
			if did && err == nil {
				created.Add(1)
			}
			return err
		})
		f.view(func(v storage.View) error {
			all, err := collect(v.Records(lo, above(lo), storage.Ascending))
			if len(all) != 1 || created.Load() != 1 {
				f.Errorf("%d creators found the range empty and left %d records, want 1 and 1", created.Load(), len(all))
			}
			return err
		})
	}
}

func isolationPhantomRefs(f *fixture) {
	repo := f.createRepo(1)
	for round := range 20 {
		prefix := fmt.Sprintf("refs/heads/%d/", round)
		f.together(4, func(i int) error {
			return f.b.Update(f.ctx, func(tx storage.Tx) error {
				all, err := collect(tx.Refs(repo, prefix, ""))
				if err != nil || len(all) > 0 {
					return err
				}
				return putRefs(tx, repo, refTo(prefix+strconv.Itoa(i), i))
			})
		})
		f.view(func(v storage.View) error {
			all, err := collect(v.Refs(repo, prefix, ""))
			if len(all) != 1 {
				f.Errorf("creators who each saw no ref left %d, want 1", len(all))
			}
			return err
		})
	}
}

// isolationPhantomObjects has Updates that put an object and sign for it in a record of their own, unless it is there.
func isolationPhantomObjects(f *fixture) {
	for round := range 20 {
		o := NewObject(storage.Blob, fmt.Append(nil, round))
		lo := fmt.Appendf(nil, "round %d/", round)
		f.together(4, func(i int) error {
			return f.b.Update(f.ctx, func(tx storage.Tx) error {
				has, err := tx.HasObject(poolID(1), o.Hash)
				if err != nil || has {
					return err
				}
				return errors.Join(putAll(tx, poolID(1), o), tx.PutRecord(fmt.Appendf(nil, "%s%d", lo, i), nil))
			})
		})
		f.view(func(v storage.View) error {
			all, err := collect(v.Records(lo, above(lo), storage.Ascending))
			if len(all) != 1 {
				f.Errorf("%d Updates found that an object was not there, and put it, want 1", len(all))
			}
			return err
		})
	}
}

// isolationReadOnlyKeys has one Update that closes a door and others that enter only while it is open, and each count
// themselves in a record of their own: once it is closed, nobody comes in.
func isolationReadOnlyKeys(f *fixture) {
	const others = 4
	f.update(func(tx storage.Tx) error { return putNumber(tx, "open", 1) })
	f.together(others+1, func(i int) error {
		if i == others {
			return f.b.Update(f.ctx, func(tx storage.Tx) error {
				total := 0
				for j := range others {
					n, err := number(tx, fmt.Sprint("guest ", j))
					if err != nil {
						return err
					}
					total += n
				}
				return errors.Join(putNumber(tx, "open", 0), putNumber(tx, "counted", total))
			})
		}
		for range 20 {
			err := f.b.Update(f.ctx, func(tx storage.Tx) error {
				open, err := number(tx, "open")
				if err != nil || open == 0 {
					return err
				}
				n, err := number(tx, fmt.Sprint("guest ", i))
				return errors.Join(err, putNumber(tx, fmt.Sprint("guest ", i), n+1))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.view(func(v storage.View) error {
		total := 0
		for j := range others {
			n, err := number(v, fmt.Sprint("guest ", j))
			if err != nil {
				return err
			}
			total += n
		}
		counted, err := number(v, "counted")
		if counted != total {
			f.Errorf("%d came in, but %d were counted when the door was closed", total, counted)
		}
		return err
	})
}

// money is a ref whose hash holds an amount.
func money(account, amount int) storage.Ref {
	r := storage.Ref{Name: fmt.Sprintf("refs/heads/account/%d", account)}
	binary.BigEndian.PutUint64(r.Hash[:8], uint64(amount))
	r.Hash[19] = 1 // never zero
	return r
}

func amountOf(r storage.Ref) int { return int(binary.BigEndian.Uint64(r.Hash[:8])) }

// isolationBank moves money between refs of two repositories, counts the moves in a record, and has Views look on:
// each sees all of the money, and the number of moves that its log shows.
func isolationBank(f *fixture) {
	const accounts, start, writers, rounds = 8, 1000, 4, 20
	repos := []storage.ID{f.createRepo(1), f.createRepo(2)}
	f.update(func(tx storage.Tx) error {
		for i := range accounts {
			if err := putRefs(tx, repos[i%2], money(i, start)); err != nil {
				return err
			}
		}
		return nil
	})
	f.together(writers+2, func(i int) error {
		for j := range rounds {
			var err error
			if i < writers {
				err = f.b.Update(f.ctx, func(tx storage.Tx) error {
					return transfer(tx, repos, (i+j)%accounts, (i*3+j*5+1)%accounts,
						1+i)
				})
			} else {
				err = f.b.View(f.ctx, func(v storage.View) error { return audit(v, repos, accounts*start) })
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.view(func(v storage.View) error { return audit(v, repos, accounts*start) })
	f.wantNumber("moves", writers*rounds)
}

func transfer(tx storage.Tx, repos []storage.ID, from, to, amount int) error {
	n, err := number(tx, "moves")
	if err != nil {
		return err
	}
	a, err := tx.Ref(repos[from%2], money(from, 0).Name)
	if err != nil {
		return err
	}
	if from != to {
		b, err := tx.Ref(repos[to%2], money(to, 0).Name)
		if err != nil {
			return err
		}
		err = errors.Join(putRefs(tx, repos[from%2], money(from, amountOf(a)-amount)),
			putRefs(tx, repos[to%2], money(to, amountOf(b)+amount)))
		if err != nil {
			return err
		}
	}
	next := refTo("refs/heads/moves", n)
	return errors.Join(putNumber(tx, "moves", n+1), tx.PutRef(repos[0], next, entry("move", next.Hash)))
}

func audit(v storage.View, repos []storage.ID, want int) error {
	moves, err := number(v, "moves")
	if err != nil {
		return err
	}
	total := 0
	for _, repo := range repos {
		for r, err := range v.Refs(repo, "refs/heads/account/", "") {
			if err != nil {
				return err
			}
			total += amountOf(r)
		}
	}
	if total != want {
		return fmt.Errorf("a View sees %d in all accounts, want %d: it sees half of an Update", total, want)
	}
	log, err := collect(v.Log(repos[0], "refs/heads/moves"))
	if len(log) != moves {
		return fmt.Errorf("a View sees %d moves in the record and %d in the log: it sees half of an Update", moves, len(log))
	}
	return err
}
