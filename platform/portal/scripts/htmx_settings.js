// The content policy permits neither styles within the page nor code made of text.
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
