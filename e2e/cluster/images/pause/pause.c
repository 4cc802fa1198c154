/* The process that holds a pod's namespaces open: it sleeps until it is told to
 * end, and reaps what is orphaned to it. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_end(int signal) {
	(void)signal;
	_exit(0);
}

static void on_child(int signal) {
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

int main(void) {
	struct sigaction end = {.sa_handler = on_end};
	struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART};

	if (sigaction(SIGINT, &end, NULL) < 0 || sigaction(SIGTERM, &end, NULL) < 0 ||
	    sigaction(SIGCHLD, &child, NULL) < 0) {
		return EXIT_FAILURE;
	}
	for (;;) {
		pause();
	}
}
