package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfc/bpfc/sdk/asm"
)

// Config says which backend gets a packet: that of the first rule that matches,
// else Default.
type Config struct {
	Backends []string `json:"backends"`
	Default  string   `json:"default"`
	Rules    []Rule   `json:"rules"`
}

// Rule matches destination ports: "80", or a range "8000-8099".
type Rule struct {
	Protocol string `json:"protocol"` // "tcp", "udp", "" for both
	Ports    string `json:"ports"`
	Backend  string `json:"backend"`
}

// protocols are those that have ports, by their numbers in IP.
var protocols = []struct {
	name   string
	number int32
}{{"tcp", 6}, {"udp", 17}}

// Where things are in a frame of Ethernet with IPv4 (RFC 791 section 3.1).
const (
	etherType   = 12
	ipVersion   = 14 // and header length
	ipFragment  = 20
	ipProtocol  = 23
	ethernet    = 14
	destination = ethernet + 2 // port, behind an IP header of 0 bytes
	ports       = ethernet + 4
	shortest    = ethernet + 20 + 4
)

// Generate makes the program of a configuration: from a packet to the number of
// its backend. Frames that are no first fragment of TCP or UDP over IPv4 go to
// the default.
func Generate(c *Config) (*asm.Object, error) {
	other, err := c.backend(c.Default)
	if err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	b := asm.New("dispatcher").Program("dispatch", "mem", "")
	parse(b)
	for _, p := range protocols {
		b.Add(asm.JEQImm(asm.R5, p.number, p.name))
	}
	b.Label("default").Add(asm.MovImm(asm.R0, other), asm.Exit())
	used := make([]bool, len(c.Backends))
	for _, p := range protocols {
		b.Label(p.name)
		for i := range c.Rules {
			if err := c.rule(b, i, p.name, used); err != nil {
				return nil, fmt.Errorf("rule %d: %w", i+1, err)
			}
		}
		b.Add(asm.Ja("default"))
	}
	for i := range used {
		if used[i] {
			b.Label(backendLabel(int32(i))).Add(asm.MovImm(asm.R0, int32(i)), asm.Exit())
		}
	}
	return b.Build()
}

// parse leaves the protocol in R5 and the destination port in R3. R1 is the packet, R2 its length.
func parse(b *asm.Builder) {
	b.Add(
		asm.JLTImm(asm.R2, shortest, "default"),
		asm.LdxH(asm.R3, asm.R1, etherType), asm.Be16(asm.R3),
		asm.JNEImm(asm.R3, 0x0800, "default"),

		asm.LdxB(asm.R3, asm.R1, ipVersion), asm.MovReg(asm.R4, asm.R3), asm.RshImm(asm.R4, 4),
		asm.JNEImm(asm.R4, 4, "default"),
		asm.AndImm(asm.R3, 15), asm.LshImm(asm.R3, 2), // bytes of header
		asm.JLTImm(asm.R3, 20, "default"),

		asm.LdxH(asm.R4, asm.R1, ipFragment), asm.Be16(asm.R4),
		asm.JSETImm(asm.R4, 0x1fff, "default"),
		asm.LdxB(asm.R5, asm.R1, ipProtocol),

		asm.MovReg(asm.R4, asm.R3), asm.AddImm(asm.R4, ports),
		asm.JGTReg(asm.R4, asm.R2, "default"),
		asm.AddReg(asm.R1, asm.R3),
		asm.LdxH(asm.R3, asm.R1, destination), asm.Be16(asm.R3),
	)
}

// rule adds the comparisons of a rule, if it is for the protocol.
func (c *Config) rule(b *asm.Builder, i int, protocol string, used []bool) error {
	r := &c.Rules[i]
	low, high, err := r.ports()
	if err != nil {
		return err
	}
	backend, err := c.backend(r.Backend)
	if err != nil {
		return err
	}
	switch {
	case r.Protocol != "" && !knownProtocol(r.Protocol):
		return fmt.Errorf("protocol %q: only tcp and udp have ports", r.Protocol)
	case r.Protocol != "" && r.Protocol != protocol:
		return nil
	case low == high:
		b.Add(asm.JEQImm(asm.R3, low, backendLabel(backend)))
	default:
		next := fmt.Sprintf("%s after rule %d", protocol, i+1)
		b.Add(asm.JLTImm(asm.R3, low, next), asm.JLEImm(asm.R3, high, backendLabel(backend))).Label(next)
	}
	used[backend] = true
	return nil
}

func knownProtocol(name string) bool {
	for _, p := range protocols {
		if p.name == name {
			return true
		}
	}
	return false
}

func backendLabel(n int32) string { return "backend " + strconv.Itoa(int(n)) }

// backend is the number of a backend.
func (c *Config) backend(name string) (int32, error) {
	i := slices.Index(c.Backends, name)
	if i < 0 {
		return 0, fmt.Errorf("backend %q is not among the %d backends", name, len(c.Backends))
	}
	return int32(i), nil
}

// ports is the range of a rule, both ends included.
func (r *Rule) ports() (low, high int32, err error) {
	first, last, isRange := strings.Cut(r.Ports, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if errors.Join(err1, err2) != nil || from > to {
		return 0, 0, fmt.Errorf(`ports %q: want a port such as "80", or a range such as "8000-8099"`, r.Ports)
	}
	return int32(from), int32(to), nil
}
