package main

import "github.com/spf13/cobra"

func reconcileCommand(data *string) *cobra.Command { return &cobra.Command{Use: "reconcile"} }
