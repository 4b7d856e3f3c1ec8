using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Cli;

// The first Ctrl+C (or SIGTERM) asks to stop, so that what is worth keeping is kept; the second one does not wait.
using var stop = new CancellationTokenSource();
var terminal = Terminal.OfProcess();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
return await MokaTool.RunAsync(args, terminal, stop.Token);

void OnSignal(PosixSignalContext context)
{
    if (stop.IsCancellationRequested)
        Environment.Exit(ExitCode.Cancelled);
    context.Cancel = true;
    terminal.Tell("Stopping. Once more to stop at once.");
    stop.Cancel();
}
