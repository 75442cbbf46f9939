package main

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/cel"
)

// render writes a value as an expression of CEL would.
func render(value ref.Val) string {
	switch v := value.(type) {
	case types.Null:
		return "null"
	case types.Bool:
		return strconv.FormatBool(bool(v))
	case types.Int:
		return strconv.FormatInt(int64(v), 10)
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10) + "u"
	case types.Double:
		return "double(" + fmt.Sprintf("%g", float64(v)) + ")"
	case types.String:
		return strconv.Quote(string(v))
	case types.Bytes:
		return fmt.Sprintf("b\"%x\"", []byte(v))
	case types.Duration:
		return "duration(" + strconv.FormatInt(int64(v.Duration), 10) + ")"
	case types.Timestamp:
		return "timestamp(" + v.Time.UTC().Format("2006-01-02T15:04:05.999999999Z") + ")"
	case *types.Optional:
		if !v.HasValue() {
			return "optional.none()"
		}
		return "optional.of(" + render(v.GetValue()) + ")"
	case *types.Type:
		return "type(" + v.TypeName() + ")"
	case cel.Quantity:
		return fmt.Sprintf("quantity(%g)", v.Quantity.AsApproximateFloat64())
	case *cel.Quantity:
		return fmt.Sprintf("quantity(%g)", v.Quantity.AsApproximateFloat64())
	case cel.IP:
		return "ip(" + v.Addr.String() + ")"
	case cel.CIDR:
		return "cidr(" + v.Prefix.String() + ")"
	case cel.URL:
		return "url(" + v.URL.String() + ")"
	case cel.Semver:
		pre := []string{}
		for _, part := range v.Version.Pre {
			pre = append(pre, part.String())
		}
		return fmt.Sprintf("semver(%d.%d.%d %s %s)", v.Major, v.Minor, v.Patch, strings.Join(pre, "."), strings.Join(v.Version.Build, "."))
	case cel.Format:
		return "format(" + v.Name + ")"
	case traits.Lister:
		parts := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			parts = append(parts, render(it.Next()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case traits.Mapper:
		parts := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			parts = append(parts, render(key)+": "+render(v.Get(key)))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return fmt.Sprintf("%T", value)
	}
}
