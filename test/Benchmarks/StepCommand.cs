using System.CommandLine;
using System.Text.Json;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "step": its options are the peer's.</summary>
internal static class StepCommand
{
    public static CliCommand Create()
    {
        var arguments = new StepArguments();
        var backend = StepArguments.Choice(
            "--backend", "cpu", "Where it runs: Moka's CPU backend, or TorchSharp on the first GPU or, without one, on PyTorch's CPU device.", "cpu", "torch");
        var steps = StepArguments.Number("--steps", 5, "How many steps are measured, after one that is not.");
        var precision = new Option<MokaPrecision?>("--precision")
        {
            Description = "How products are computed: Float32, Split or BFloat16; by default Split where the processor has AMX, else Float32.",
        };
        var gguf = new Option<FileInfo?>("--gguf") { Description = "Takes the weights of a GGUF of the model's shape, as 'peers' writes them." };
        var json = new Option<FileInfo?>("--json") { Description = "Writes the measurements to a file, for machines." };
        var command = new CliCommand("step", "A forward and backward pass with AdamW, scoring, or decoding.") { backend, steps, precision, gguf, json };
        arguments.AddTo(command);
        command.SetAction(parsed =>
        {
            if (arguments.Read(parsed, parsed.GetValue(backend)!, parsed.GetValue(steps), parsed.GetValue(precision)) is not { } options)
                return 1;
            var result = StepRun.Measure(options with { Gguf = parsed.GetValue(gguf)?.FullName });
            Console.WriteLine(result.Line);
            if (parsed.GetValue(json) is { } file)
                File.WriteAllText(file.FullName, JsonSerializer.Serialize(result, JsonOptions));
            return 0;
        });
        return command;
    }

    private static JsonSerializerOptions JsonOptions { get; } = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
}
