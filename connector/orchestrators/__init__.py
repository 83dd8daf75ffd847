"""leadloop in the tools that data teams schedule with. Each starts the command in a process of its own, so a CRM's token stays there."""
