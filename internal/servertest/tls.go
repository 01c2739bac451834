package servertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TLS names the PEM files by which servers and their clients know each other.
type TLS struct{ CA, Cert, Key string }

func (f TLS) args(port string) []string {
	return []string{
		"--tls-port", port, "--tls-ca-cert-file", f.CA, "--tls-cert-file", f.Cert, "--tls-key-file", f.Key,
		"--tls-auth-clients", "no", "--tls-replication", "yes",
	}
}

// StartTLSCluster runs a Cluster of three primaries without replicas, which speaks
// TLS, until the test ends, and gives its URL.
func StartTLSCluster(t testing.TB, f TLS) (url string) {
	t.Helper()
	var nodes []*Redis
	for i := range masters {
		url = FreeAddr(t)
		host, port, _ := net.SplitHostPort(url)
		_, bus, _ := net.SplitHostPort(FreeAddr(t))
		n := StartRedis(t, append(f.args(port), "--cluster-enabled", "yes", "--cluster-port", bus, "--tls-cluster", "yes")...)
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		n.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/masters), strconv.Itoa(slots*(i+1)/masters-1))
		if i > 0 {
			nodes[0].Do("CLUSTER", "MEET", host, port, bus)
		}
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		n.awaitCluster(fmt.Sprint("cluster_known_nodes:", masters))
		n.awaitCluster("cluster_state:ok")
	}
	return "rediss://" + url
}

// StartTLSSentinel runs a primary and one Sentinel, which speak TLS, until the test
// ends, and gives its URL.
func StartTLSSentinel(t testing.TB, f TLS) (url string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(FreeAddr(t))
	StartRedis(t, f.args(port)...)
	plain, own := FreeAddr(t), FreeAddr(t)
	_, plainPort, _ := net.SplitHostPort(plain)
	_, ownPort, _ := net.SplitHostPort(own)
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	conf := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor %s %s %s 1\n", plainPort, dir, masterName, host, port)
	args := f.args(ownPort)
	for i := 0; i < len(args); i += 2 {
		conf += strings.TrimPrefix(args[i], "--") + " " + args[i+1] + "\n"
	}
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	Start(t, plain, Options{}, redisServer(t), file, "--sentinel")
	Await(t, func() error {
		out, err := redisCLI(t, plain, "SENTINEL", "MASTER", masterName)
		if fields := strings.Fields(out); err == nil && field(fields, "flags") != "master" {
			err = fmt.Errorf("the Sentinel does not reach the primary yet:\n%s", out)
		}
		return err
	})
	return "rediss://" + own + "/0?sentinel=" + masterName
}
