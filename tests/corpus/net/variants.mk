# Which sources are built again, and how.
V1 := sock_loops xdp_loops tc_snat tc_loops xdp_parse xdp_tcpopt xdp_lb xdp_big tc_nat tc_direct tc_ct tc_http tc_dhcp \
	sk_filter_parse sk_filter_big cg_skb cg_connect sk_lookup lwt
V2 := xdp_loops tc_loops xdp_balancer sock_loops walk_loops xdp_fw xdp_tunnel xdp_subprogs tc_big tc_http tc_dhcp tc_policy sk_filter_big \
	sockops flow_dissector
V4 := xdp_loops tc_loops tc_endpoint sock_loops walk_loops xdp_iters xdp_tcpopt xdp_nat xdp_dns xdp_ratelimit xdp_maps xdp_big xdp_syncookie \
	tc_edt tc_lock tc_dhcp tc_http tc_big tc_ctx sk_filter_big cg_bind sk_msg
LEGACY := xdp_old xdp_parse xdp_lb xdp_fw xdp_tcpopt xdp_redirect xdp_tail xdp_maps xdp_loops \
	tc_old tc_nat tc_vlan tc_tunnel tc_ct tc_policy tc_act tc_direct tc_loops tc_http tc_dhcp \
	sk_filter_old sk_filter_abs sk_filter_parse sk_filter_bypass sk_filter_big \
	cg_skb cg_sock cg_bind cg_connect lwt flow_dissector
