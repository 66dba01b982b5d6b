package codegen

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/bpfc/bpfc/core/obj"
)

// Fill sets the initial elements of an object's maps, which Load leaves empty: maps in maps, and programs in maps of
// programs. prog is a program of the object in the session, ids are all of them by name. An element whose program is not
// among them stays empty: a tail call to it fails.
func Fill(ctx context.Context, s Session, prog ProgID, o *obj.Object, ids map[string]ProgID) error {
	if len(o.Slots) == 0 {
		return nil
	}
	list, err := s.Maps(ctx, []MapOp{{Kind: MapList, Prog: prog}})
	if err != nil {
		return err
	}
	var ops []MapOp
	for _, slot := range o.Slots {
		var value []byte
		if slot.Program == "" && slot.Inner < len(list[0].Entries) {
			value = list[0].Entries[slot.Inner].Value // maps are in the order of the object, data sections behind them
		} else if id, ok := ids[slot.Program]; ok {
			value = binary.LittleEndian.AppendUint32(nil, uint32(id))
		}
		if value != nil {
			ops = append(ops, MapOp{Kind: MapPut, Prog: prog, Map: o.Maps[slot.Map].Name, Key: slotKey(o, &slot), Value: value})
		}
	}
	results, err := s.Maps(ctx, ops)
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Err != "" {
			return fmt.Errorf("map %s: its initial element %x cannot be set: %s", ops[i].Map, ops[i].Key, r.Err)
		}
	}
	return nil
}

// slotKey is the key of an initial element, as long as the map's are.
func slotKey(o *obj.Object, s *obj.Slot) []byte {
	key := make([]byte, max(int(o.Maps[s.Map].KeySize), 4))
	binary.LittleEndian.PutUint32(key, s.Key)
	return key[:o.Maps[s.Map].KeySize]
}
