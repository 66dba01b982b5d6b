package sdk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// Collection is the programs of one object, loaded together: they share its maps and data sections. A name that is not
// there has a nil in the tables; what one does with it is an error. It is safe for concurrent use; Close ends it.
type Collection struct {
	Programs map[string]*Program
	// Maps has the data sections too, by their names, as arrays of one element.
	Maps map[string]*Map
	// Variables are the global variables, by their names.
	Variables map[string]*Variable

	session Session
}

// LoadCollection compiles the programs of an object that opts.Programs names, or all that are not off by default, and
// loads them into a session of their own. The back end must be a Runner; if it is linked, they run in this process.
// A program that is not accepted is a *VerifyError, what is not implemented an *UnsupportedError.
func LoadCollection(ctx context.Context, o *Object, b Backend, opts Options) (*Collection, error) {
	a, err := Compile(ctx, o, b, opts)
	if err != nil {
		return nil, err
	}
	session, with, err := open(ctx, b, &opts)
	if err != nil {
		return nil, err
	}
	c := &Collection{session: session}
	err = c.load(ctx, a, with)
	if err == nil {
		err = c.fill(ctx, o)
	}
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return c, nil
}

// fill sets the elements that the object gives its maps of programs and of maps.
func (c *Collection) fill(ctx context.Context, o *Object) error {
	ids, first := map[string]ProgID{}, ProgID(0)
	for name, p := range c.Programs {
		ids[name], first = p.id, p.id
	}
	return codegen.Fill(ctx, c.session, first, o, ids)
}

// load fills the tables.
func (c *Collection) load(ctx context.Context, a *Artifact, with loaded) error {
	ids, err := c.session.Load(ctx, a)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return fmt.Errorf("%s: it has no program to load", a.Name)
	}
	programs, err := newPrograms(c.session, a, ids, with)
	if err != nil {
		return err
	}
	c.Programs = map[string]*Program{}
	for _, p := range programs {
		c.Programs[p.info.Name] = p
	}
	if err := c.listMaps(ctx, programs[0]); err != nil {
		return err
	}
	c.listVariables(a)
	return nil
}

func (c *Collection) listMaps(ctx context.Context, p *Program) error {
	list, err := p.Maps(ctx, MapOp{Kind: MapList})
	if err != nil {
		return err
	}
	c.Maps = map[string]*Map{}
	for _, e := range list[0].Entries {
		m := &Map{spec: e.Map, program: p}
		if len(e.Value) == 4 {
			m.id = binary.LittleEndian.Uint32(e.Value)
		}
		c.Maps[e.Map.Name] = m
	}
	return nil
}

func (c *Collection) listVariables(a *Artifact) {
	c.Variables = map[string]*Variable{}
	for i := range a.Data {
		for _, s := range a.Data[i].Symbols {
			c.Variables[s.Name] = &Variable{section: c.Maps[a.Data[i].Name], name: s.Name, offset: int(s.Offset), size: sizeOf(&a.Data[i], s)}
		}
	}
}

// sizeOf is the size of a variable: one that has none, as labels of assembly, reaches to the next one.
func sizeOf(d *obj.Data, s obj.DataSymbol) int {
	if s.Size > 0 {
		return int(s.Size)
	}
	end := uint32(len(d.Bytes))
	for _, next := range d.Symbols {
		if next.Offset > s.Offset {
			end = min(end, next.Offset)
		}
	}
	return int(end - s.Offset)
}

// Close ends running programs and frees everything.
func (c *Collection) Close() error { return c.session.Close() }

// SetVariable changes a global variable of an object before it is compiled: the only way for constants (.rodata), on
// whose values the verifier relies. v is a value of the variable's size: see Map.
func SetVariable(o *Object, name string, v any) error {
	for i := range o.Data {
		for _, s := range o.Data[i].Symbols {
			if s.Name != name {
				continue
			}
			b, err := bytesOf(v, sizeOf(&o.Data[i], s))
			if err != nil {
				return fmt.Errorf("%s: variable %s: %w", o.Name, name, err)
			}
			o.Data = slices.Clone(o.Data) // artifacts share them
			data := &o.Data[i].Bytes
			*data = slices.Clone(*data)
			copy((*data)[s.Offset:], b)
			return nil
		}
	}
	return fmt.Errorf("%s: it has no variable %q", o.Name, name)
}

// Variable is a global variable of a Collection. It is safe for concurrent use.
type Variable struct {
	section      *Map
	name         string
	offset, size int
}

// errNoVariable is what a nil *Variable answers.
var errNoVariable = errors.New("the collection has no such variable")

// Get reads the variable into v, a pointer to a value of its size: see Map.
func (v *Variable) Get(to any) error {
	if v == nil {
		return errNoVariable
	}
	all, err := v.section.LookupBytes(uint32(0))
	if err != nil {
		return err
	}
	if err := into(all[v.offset:][:v.size], to); err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	return nil
}

// Set changes the variable. Of a constant it is ErrReadOnly: see SetVariable. The whole section is read and written
// back, so what programs that run at the same time write to its variables may be lost.
func (v *Variable) Set(value any) error {
	if v == nil {
		return errNoVariable
	}
	b, err := bytesOf(value, v.size)
	if err != nil {
		return fmt.Errorf("variable %s: %w", v.name, err)
	}
	all, err := v.section.LookupBytes(uint32(0))
	if err != nil {
		return err
	}
	copy(all[v.offset:], b)
	return v.section.Put(uint32(0), all)
}
