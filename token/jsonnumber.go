package token

import (
	"math"
	"strconv"
	"strings"
)

// number reads a number literal (RFC 8259 section 6) and whether it is written
// as an integer.
func (p *scanner) number() (literal string, integer bool, err error) {
	p.peek()
	start := p.i
	p.accept("-")
	if !p.accept("0") && !p.digits() {
		return "", false, errNumber
	}
	integer = true
	if p.accept(".") {
		if integer = false; !p.digits() {
			return "", false, errNumber
		}
	}
	if p.accept("eE") {
		integer = false
		p.accept("+-")
		if !p.digits() {
			return "", false, errNumber
		}
	}
	return p.s[start:p.i], integer, nil
}

func (p *scanner) accept(set string) bool {
	if p.i < len(p.s) && strings.IndexByte(set, p.s[p.i]) >= 0 {
		p.i++
		return true
	}
	return false
}

func (p *scanner) digits() bool {
	start := p.i
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

// uint reads a non-negative integer up to 2^53-1, written as one: 1e3, 1.0 and
// -0 are numbers to some readers and refused by others.
func (p *scanner) uint() (uint64, error) {
	literal, integer, err := p.number()
	if err != nil {
		return 0, err
	}
	if !integer || literal[0] == '-' {
		return 0, errNumber
	}
	n, err := strconv.ParseUint(literal, 10, 64)
	if err != nil || n > maxSafeInt {
		return 0, errRange
	}
	return n, nil
}

// float reads any number that a double holds; integers only where it holds
// them exactly, lest two tenants become one.
func (p *scanner) float() (float64, error) {
	literal, integer, err := p.number()
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil || integer && math.Abs(f) > maxSafeInt {
		return 0, errRange
	}
	return f, nil
}
