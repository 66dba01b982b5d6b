package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/bpfc/bpfc/core/codegen"
	"github.com/bpfc/bpfc/core/obj"
)

// part is a stretch of an image, beginning at a page.
type part struct {
	mem  []byte
	addr uint64
	size uint64
}

func (p *part) start() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(p.mem)) }

// plan is the layout of an image before it has an address: the sizes of its
// parts, and where in them its sections lie.
type plan struct {
	natives, rodata, code, consts, data uint64
	native, section                     []uint64 // offsets in their parts
}

// nativeAlign is what compilers align functions to.
const nativeAlign = 16

// newImage places the artifact: everything but its code is in its final state.
func newImage(r *Runtime, a *codegen.Artifact, l Loader) (*Image, error) {
	img := &Image{Artifact: a, runtime: r}
	var err error
	if img.helpers, err = resolveHelpers(a, &r.sets); err != nil {
		return nil, err
	}
	p, err := planImage(a, img.helpers, r.arena.page)
	if err != nil {
		return nil, err
	}
	if _, ok := l.(Native); ok {
		p.rodata, p.code = uint64(len(a.Rodata)), uint64(len(a.Code))+gatesSize(a)
	}
	if err := img.place(p); err != nil {
		return nil, err
	}
	if err := img.fill(p); err != nil {
		img.free()
		return nil, err
	}
	return img, nil
}

// planImage computes the layout of everything but the code.
func planImage(a *codegen.Artifact, helpers []helper, page uintptr) (*plan, error) {
	p := &plan{}
	for i := range helpers {
		p.native = append(p.native, p.natives)
		p.natives += alignUp(uint64(len(helpers[i].machine)), nativeAlign)
	}
	for i := range a.Data {
		d := &a.Data[i]
		align := uint64(max(d.Align, 1))
		if align&(align-1) != 0 || align > uint64(page) {
			return nil, fmt.Errorf("section %s: alignment %d is no power of two up to a page, %d", d.Name, d.Align, page)
		}
		size := p.sizeOf(d)
		*size = alignUp(*size, align)
		p.section = append(p.section, *size)
		*size += uint64(len(d.Bytes))
	}
	return p, nil
}

// sizeOf is the size of the part that the section lies in.
func (p *plan) sizeOf(d *obj.Data) *uint64 {
	if d.ReadOnly {
		return &p.consts
	}
	return &p.data
}

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// place takes a span of the arena for the parts and makes it writable.
func (img *Image) place(p *plan) error {
	a := img.runtime.arena
	parts := [...]struct {
		part *part
		size uint64
	}{{&img.natives, p.natives}, {&img.rodata, p.rodata}, {&img.code, p.code}, {&img.consts, p.consts}, {&img.data, p.data}}
	total := uint64(0)
	for _, x := range parts {
		total += alignUp(x.size, uint64(a.page))
	}
	if total > math.MaxInt32 {
		return errFull
	}
	var err error
	if img.span, err = a.alloc(uintptr(total)); err != nil {
		return err
	}
	if err := a.protect(img.span, protWrite); err != nil {
		img.free()
		return err
	}
	off := img.span.off
	for _, x := range parts {
		s := span{off, uintptr(x.size)}
		*x.part = part{mem: a.bytes(s), addr: a.addr(off), size: x.size}
		off += a.pages(s.len)
	}
	return nil
}

// fill writes native helpers, data and map values, and protects what is not writable.
func (img *Image) fill(p *plan) error {
	img.fillData(p)
	if err := img.relocateData(); err != nil {
		return err
	}
	if err := img.openMaps(); err != nil {
		return err
	}
	for i := range img.helpers {
		if h := &img.helpers[i]; h.machine != nil {
			copy(img.natives.mem[p.native[i]:], h.machine)
			h.native = img.natives.addr + p.native[i]
		}
	}
	if err := img.protect(&img.natives, protExec); err != nil {
		return err
	}
	return img.protect(&img.consts, protRead)
}

func (img *Image) fillData(p *plan) {
	for i := range img.Artifact.Data {
		d := &img.Artifact.Data[i]
		to := &img.data
		if d.ReadOnly {
			to = &img.consts
		}
		copy(to.mem[p.section[i]:], d.Bytes)
		img.Data = append(img.Data, to.addr+p.section[i])
		img.sections = append(img.sections, to.mem[p.section[i]:][:len(d.Bytes):len(d.Bytes)])
	}
}

// relocateData writes the addresses that data sections hold.
func (img *Image) relocateData() error {
	for i := range img.Artifact.Data {
		d := &img.Artifact.Data[i]
		for _, r := range d.Relocs {
			if uint64(r.Offset)+8 > uint64(len(d.Bytes)) || r.Index < 0 || r.Index >= len(img.Data) {
				return fmt.Errorf("section %s: the address at %d does not fit, or is of no section", d.Name, r.Offset)
			}
			binary.LittleEndian.PutUint64(img.sections[i][r.Offset:], img.Data[r.Index]+uint64(r.Addend))
		}
	}
	return nil
}

// protect changes the access to the part's pages.
func (img *Image) protect(p *part, prot protection) error {
	a := img.runtime.arena
	off := uintptr(p.addr) - uintptr(a.base)
	return a.protect(span{off, a.pages(uintptr(p.size))}, prot)
}

// free gives the image's memory back.
func (img *Image) free() error {
	return errors.Join(img.closeMaps(), img.runtime.arena.dealloc(img.span))
}
