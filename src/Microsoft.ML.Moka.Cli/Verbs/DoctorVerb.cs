using System.CommandLine;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka doctor: what there is to run on, and whether it works.</summary>
internal static class DoctorVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var app = new Option<DirectoryInfo?>("--app")
        {
            Description = "Looks at the GPU package and the native libraries of the program that was built or published into this folder. [default: the tool]",
            HelpName = "folder",
        };
        var gpu = new Option<int?>("--gpu")
        {
            Description = "Needs the GPU of this number, counted from 0: where it cannot be used, that is a failure.",
            HelpName = "number",
        }.Within(0, int.MaxValue);
        var json = CommonOptions.Json();
        var command = new CliCommand("doctor",
            """
            Looks at what there is to run on (runtime, processor, AMX, PyTorch, GPUs, driver, memory), checks kernels and a few steps of training on each
            device, and says what to do about what does not work. The exit code is 1 where something failed.

              moka doctor
              moka doctor --app FOLDER --gpu 0
            """)
        {
            app, gpu, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            if (parsed.GetValue(app) is { } folder)
                ProgramFolder.Use(folder.ToString());
            var diagnostics = ProgressDisplay.Wait(terminal, "Checking", () => MokaDiagnostics.Run(parsed.GetValue(gpu), cancellation));
            if (parsed.GetValue(json))
                Json.Write(terminal.Out, new DoctorFindings(diagnostics.IsHealthy, diagnostics.Findings));
            else
                terminal.Out.WriteLine(diagnostics);
            return Task.FromResult(diagnostics.IsHealthy ? ExitCode.Success : ExitCode.Failure);
        });
        return command;
    }
}

/// <summary>What was found, for scripts.</summary>
internal sealed record DoctorFindings(bool IsHealthy, IReadOnlyList<DiagnosticFinding> Findings);
