package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"writegate/appliers"
	"writegate/configs"
)

func newSchema() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Read the schema of a database, or print that of our own tables",
		Long: `Write down what a database looks like, see what has changed since, or print the tables that
writegate keeps in it. None of it makes anything in a database.`,
		Example: `  writegate schema pull --config gate.yaml --output schema.yaml
  writegate schema diff --config gate.yaml --schema schema.yaml
  writegate schema ddl --driver postgres`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSchemaPull(), newSchemaDiff(), newSchemaDDL())
	return cmd
}

func newSchemaDDL() *cobra.Command {
	var driver, schema, config, database string
	cmd := &cobra.Command{
		Use:   "ddl (--driver NAME | --config FILE)",
		Short: "Print the statements that make writegate's own tables",
		Long: `Print the statements that make writegate's own tables, to be reviewed and run by whoever owns the
database, with its own client. The login of serve then needs no right to create; what it does
need follows as comments. Nothing is connected to.`,
		Example: `  writegate schema ddl --driver postgres | psql "$ADMIN_URL"
  writegate schema ddl --driver mysql --schema gate
  writegate schema ddl --config gate.yaml --database shop`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case (driver == "") == (config == ""):
				return misused(cmd, "give either --driver or --config")
			case config != "" && schema != "":
				return misused(cmd, "--schema goes with --driver; a configuration has its own")
			case config == "" && database != "":
				return misused(cmd, "--database goes with --config")
			}
			if config != "" {
				settings, err := databaseOf(config, database)
				if err != nil {
					return err
				}
				driver, schema = settings.Driver, settings.Schema
			}
			text, err := appliers.DDL(driver, appliers.Config{Schema: schema})
			if err != nil {
				return misused(cmd, "%w", err)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&driver, "driver", "", "the kind of database")
	f.StringVar(&schema, "schema", "", "the schema for the tables; writegate when left out")
	f.StringVar(&config, "config", "", "a configuration whose database to print for")
	f.StringVar(&database, "database", "", "which of its databases; the first one when left out")
	return cmd
}

// databaseOf returns the settings of one database of a configuration, the first one when no name is given.
func databaseOf(config, name string) (configs.Database, error) {
	c, err := configs.Load(config)
	if err != nil {
		return configs.Database{}, err
	}
	if name == "" {
		name = configs.MainDatabase
	}
	settings, ok := c.All()[name]
	if !ok {
		return settings, fmt.Errorf("%s has no database %q", config, name)
	}
	return settings, nil
}
