package runtime

import (
	"fmt"
	goruntime "runtime"
	"slices"

	"github.com/bpfc/bpfc/core/abi"
	"github.com/bpfc/bpfc/core/codegen"
)

// checkArtifact refuses an artifact that this machine or spec cannot run: what
// it says of itself, without a look at its code.
func checkArtifact(a *codegen.Artifact, s *codegen.Spec, cpu string) error {
	if err := a.CheckDigest(); err != nil {
		return err
	}
	if err := checkMachine(a, cpu); err != nil {
		return err
	}
	if err := checkItems(a.Items, s.Set); err != nil {
		return err
	}
	if err := checkMaps(a); err != nil {
		return err
	}
	return checkEntries(a)
}

// checkMachine compares architecture and CPU level.
func checkMachine(a *codegen.Artifact, cpu string) error {
	if a.Arch == "" {
		return nil
	}
	if a.Arch != goruntime.GOARCH {
		return &codegen.UnsupportedError{What: fmt.Sprintf("code for %s on %s", a.Arch, goruntime.GOARCH), Msg: "compile for this machine, or run with the interpreter"}
	}
	have := slices.Index(cpuLevels(), cpu)
	need := slices.Index(cpuLevels(), a.CPU)
	if a.CPU != "" && (need < 0 || need > have) {
		return &codegen.UnsupportedError{What: fmt.Sprintf("code for CPU level %q", a.CPU), Msg: fmt.Sprintf("this machine has %q; compile for that level", cpu)}
	}
	return nil
}

// checkItems compares the definitions that the artifact was compiled with to those of the set.
func checkItems(items []codegen.Item, set *abi.Set) error {
	for i := range items {
		it := &items[i]
		defs := definitions(set, it.Kind, it.Name)
		if len(defs) == 0 {
			return fmt.Errorf("%s %s, which it was compiled with, is not known here: load the plugin that declares it", it.Kind, it.Name)
		}
		if known, err := oneOf(defs, it.Digest); err != nil {
			return err
		} else if !known {
			return fmt.Errorf("%s %s is not the one that it was compiled with: compile it again", it.Kind, it.Name)
		}
	}
	return nil
}

// oneOf reports whether a definition has the digest.
func oneOf(defs []any, digest [32]byte) (bool, error) {
	for _, def := range defs {
		if d, err := abi.Digest(def); err != nil || d == digest {
			return err == nil, err
		}
	}
	return false, nil
}

// definitions are what an item may be in the set: of helpers also what types have in their place.
func definitions(set *abi.Set, kind, name string) (defs []any) {
	if set == nil {
		return nil
	}
	switch kind {
	case "type":
		if t, ok := set.Type(name); ok {
			defs = append(defs, t)
		}
	case "helper":
		if h := set.HelperByName(name); h != nil {
			defs = append(defs, *h)
		}
		for i := range set.Types {
			for _, h := range set.Types[i].Variants {
				if h.Name == name {
					defs = append(defs, h)
				}
			}
		}
	case "map":
		for _, k := range set.MapKinds {
			if k.Name == name {
				defs = append(defs, k)
			}
		}
	}
	return defs
}

// checkEntries refuses what the stacks or the kinds of context do not allow.
func checkEntries(a *codegen.Artifact) error {
	if len(a.Entries) == 0 {
		return fmt.Errorf("it has no programs")
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.StackRegion > e.StackSize || e.StackSize > a.StackSize || e.StackSize > codegen.MaxStackSize {
			return fmt.Errorf("program %s uses %d bytes of stack: at most %d", e.Name, e.StackSize, min(a.StackSize, codegen.MaxStackSize))
		}
		if e.TailDepth > codegen.MaxTailDepth {
			return fmt.Errorf("program %s makes a tail call with %d bytes of stack in use: at most %d", e.Name, e.TailDepth, codegen.MaxTailDepth)
		}
		if e.Context > abi.CtxStruct {
			return &codegen.UnsupportedError{What: fmt.Sprintf("program %s of type %s", e.Name, e.Type), Msg: "its kind of context is not known here"}
		}
	}
	return nil
}
