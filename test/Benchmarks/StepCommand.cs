using System.CommandLine;
using System.Text.Json;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "step": its options are the peer's.</summary>
internal static class StepCommand
{
    public static CliCommand Create()
    {
        var model =
            Choice("--model", "smol", "The shape of SmolLM2-135M, of a 1.1B LLaMA, of two layers of the first, of LLaMA-2-7B, or of LLaMA-3-8B.", "smol",
                "tiny1b", "toy", "llama2-7b", "llama3-8b");
        var backend = Choice(
            "--backend", "cpu", "Where it runs: Moka's CPU backend, or TorchSharp on the first GPU or, without one, on PyTorch's CPU device.", "cpu", "torch");
        var quantization = Choice("--quant", "nf4", "How the linear maps are kept.", "nf4", "none");
        var adapter = Choice("--adapter", "moka", "What is trained.", ["none", .. AdapterMethods.Names]);
        var targets = Choice("--targets", "all", "The maps that get adapters.", "all", "qkvo");
        var mode = Choice("--mode", "train", "A training step, log-likelihoods, or decoding token by token.", "train", "score", "decode");
        var filters = Number("--filters", 5, "Filters of MoKA.");
        var rank = Number("--rank", 16, "The rank of LoRA, rsLoRA and DoRA.");
        var batch = Number("--batch", 4, "Sequences of a step.");
        var sequence = Number("--seq", 128, "Tokens of a sequence.");
        var steps = Number("--steps", 5, "How many steps are measured, after one that is not.");
        var threads = Number("--threads", 2, "Threads of a kernel.");
        var answer = new Option<int?>("--answer")
        {
            Description = "Scoring: how many last tokens of a sequence are scored, as an answer is after its prompt; all if not given.",
        };
        answer.Validators.Add(result =>
        {
            if (result.GetValue(answer) < 1 || result.GetValue(answer) > result.GetValue(sequence))
                result.AddError("--answer must be at least 1 and at most --seq.");
        });
        var newTokens = Number("--new", 64, "How many tokens are decoded.");
        var checkpointing = new Option<bool>("--ckpt") { Description = "Decoder layers are run again in the backward pass." };
        var profile = new Option<bool>("--prof") { Description = "Prints what each kernel of the last step took." };
        var gguf = new Option<FileInfo?>("--gguf") { Description = "Takes the weights of a GGUF of the model's shape, as 'peers' writes them." };
        var json = new Option<FileInfo?>("--json") { Description = "Writes the measurements to a file, for machines." };

        var command = new CliCommand("step", "A forward and backward pass with AdamW, scoring, or decoding.")
        {
            model, backend, quantization, adapter, targets, filters, rank, mode, batch, sequence, steps, threads, checkpointing, answer, newTokens, profile,
            gguf, json,
        };
        command.SetAction(parsed =>
        {
            var options = new StepOptions
            {
                Model = parsed.GetValue(model)!,
                Backend = parsed.GetValue(backend)!,
                Quantization = parsed.GetValue(quantization)!,
                Adapter = parsed.GetValue(adapter)!,
                Targets = parsed.GetValue(targets)!,
                Filters = parsed.GetValue(filters),
                Rank = parsed.GetValue(rank),
                Mode = parsed.GetValue(mode)!,
                Batch = parsed.GetValue(batch),
                Sequence = parsed.GetValue(sequence),
                Steps = parsed.GetValue(steps),
                Threads = parsed.GetValue(threads),
                Checkpointing = parsed.GetValue(checkpointing),
                Answer = parsed.GetValue(answer) ?? parsed.GetValue(sequence),
                NewTokens = parsed.GetValue(newTokens),
                Profile = parsed.GetValue(profile),
                Gguf = parsed.GetValue(gguf)?.FullName,
            };
            if (options is { Mode: "train", Adapter: "none" })
            {
                Console.Error.WriteLine("Nothing would be trained: '--mode train' needs an adapter, '--adapter moka' for example.");
                return 1;
            }
            var result = StepRun.Measure(options);
            Console.WriteLine(result.Line);
            if (parsed.GetValue(json) is { } file)
                File.WriteAllText(file.FullName, JsonSerializer.Serialize(result, JsonOptions));
            return 0;
        });
        return command;
    }

    private static JsonSerializerOptions JsonOptions { get; } = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private static Option<string> Choice(string name, string usual, string description, params string[] values)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => usual };
        option.AcceptOnlyFromAmong(values);
        return option;
    }

    private static Option<int> Number(string name, int usual, string description)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(option) < 1)
                result.AddError($"{name} must be at least 1.");
        });
        return option;
    }
}
