"""Results as graphs of NetworkX."""

from __future__ import annotations

from ._errors import UsageError


def to_networkx(results):
    """The branches as the edges of a graph: see `Results.to_networkx`."""
    try:
        import networkx
    except ImportError as error:
        raise UsageError("to_networkx() needs NetworkX: pip install networkx") from error
    graph = networkx.MultiGraph(unit=results.unit, spacing=results.spacing)
    branches = results.branches
    nodes = results._tables[0].get("nodes")
    if nodes is not None:
        attributes = nodes.drop(columns="node_id").to_dict("records")
        graph.add_nodes_from(zip(nodes["node_id"].tolist(), attributes))
    ends = [branches[name].tolist() for name in ("node_id_src", "node_id_dst")]
    attributes = branches.drop(columns=["node_id_src", "node_id_dst"]).to_dict("records")
    graph.add_edges_from(zip(*ends, range(len(branches)), attributes))
    return graph
