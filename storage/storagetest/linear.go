package storagetest

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/reposit/reposit/storage"
)

// A refOp is a read, or a compare-and-swap of a ref from old to next; the zero Hash stands for no ref.
type refOp struct {
	name      string
	read      bool
	old, next storage.Hash
}

// A refResult is what an operation found, and whether a swap was done.
type refResult struct {
	found   storage.Hash
	swapped bool
}

var errSwap = errors.New("the ref holds something else")

// registers is the model that operations on a ref must be equal to, in some order that real time allows.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byName := map[string][]porcupine.Operation{}
		for _, op := range history {
			name := op.Input.(refOp).name
			byName[name] = append(byName[name], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byName {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return storage.Hash{} },
	Step: func(state, input, output any) (bool, any) {
		op, result := input.(refOp), output.(refResult)
		swaps := !op.read && state == op.old
		if result.found != state || result.swapped != swaps {
			return false, state
		}
		if swaps {
			return true, op.next
		}
		return true, state
	},
}

// isolationLinearizable has clients read, swap, create and delete a few refs, and looks for an order of all that they
// did which explains what they saw.
func isolationLinearizable(f *fixture) {
	const histories, clients, rounds = 10, 5, 12
	names := []string{"refs/heads/a", "refs/heads/b", "refs/tags/c"}
	for n := range histories {
		repo := f.createRepo(n)
		begin := time.Now()
		ops := make([][]porcupine.Operation, clients)
		f.together(clients, func(client int) error {
			rng := rand.New(rand.NewPCG(uint64(n), uint64(client)))
			seen := map[string]storage.Hash{}
			for i := range rounds {
				op := refOp{name: names[rng.IntN(len(names))], read: rng.IntN(3) == 0, next: refTo("", client*1000+i).Hash}
				op.old = seen[op.name]
				if rng.IntN(5) == 0 {
					op.next = storage.Hash{}
				}
				called := time.Since(begin).Nanoseconds()
				result, err := f.do(repo, op)
				if err != nil {
					return err
				}
				seen[op.name] = result.found
				if result.swapped {
					seen[op.name] = op.next
				}
				ops[client] = append(ops[client], porcupine.Operation{
					ClientId: client, Input: op, Call: called, Output: result, Return: time.Since(begin).Nanoseconds(),
				})
			}
			return nil
		})
		var all []porcupine.Operation
		for _, of := range ops {
			all = append(all, of...)
		}
		if !porcupine.CheckOperations(registers, all) {
			f.Errorf("history %d of %d operations is not linearizable: %+v", n, len(all), all)
		}
	}
}

// do runs op and returns what it saw.
func (f *fixture) do(repo storage.ID, op refOp) (result refResult, err error) {
	find := func(v storage.View) error {
		r, err := v.Ref(repo, op.name)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		result = refResult{found: r.Hash}
		return nil
	}
	if op.read {
		err = f.b.View(f.ctx, find)
		return result, err
	}
	err = f.b.Update(f.ctx, func(tx storage.Tx) error {
		if err := find(tx); err != nil {
			return err
		}
		if result.found != op.old {
			return errSwap
		}
		if op.next.IsZero() {
			return tx.DeleteRef(repo, op.name, nil)
		}
		return tx.PutRef(repo, storage.Ref{Name: op.name, Hash: op.next}, nil)
	})
	if errors.Is(err, errSwap) {
		return result, nil
	}
	result.swapped = err == nil
	return result, err
}
