using System.CommandLine;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The options that say what a step is: the peer's.</summary>
internal sealed class StepArguments
{
    private readonly Option<string> _model =
        Choice("--model", "smol", "The shape of SmolLM2-135M, of a 1.1B LLaMA, of two layers of the first, of LLaMA-2-7B, or of LLaMA-3-8B.", "smol",
            "tiny1b", "toy", "llama2-7b", "llama3-8b");
    private readonly Option<string> _quantization = Choice("--quant", "nf4", "How the linear maps are kept.", "nf4", "none");
    private readonly Option<string> _adapter = Choice("--adapter", "moka", "What is trained.", ["none", .. AdapterMethods.Names]);
    private readonly Option<string> _targets = Choice("--targets", "all", "The maps that get adapters.", "all", "qkvo");
    private readonly Option<string> _mode =
        Choice("--mode", "train", "A training step, log-likelihoods, or decoding token by token.", "train", "score", "decode");
    private readonly Option<int> _filters = Number("--filters", 5, "Filters of MoKA.");
    private readonly Option<int> _rank = Number("--rank", 16, "The rank of LoRA, rsLoRA and DoRA.");
    private readonly Option<int> _batch = Number("--batch", 4, "Sequences of a step; when decoding, one where it is not given.");
    private readonly Option<int> _sequence = Number("--seq", 128, "Tokens of a sequence.");
    private readonly Option<int> _threads = Number("--threads", 2, "Threads of a kernel.");
    private readonly Option<int?> _answer = new("--answer")
    {
        Description = "Scoring: how many last tokens of a sequence are scored, as an answer is after its prompt; all if not given.",
    };
    private readonly Option<int> _newTokens = Number("--new", 64, "How many tokens are decoded.");
    private readonly Option<bool> _checkpointing = new("--ckpt") { Description = "Decoder layers are run again in the backward pass." };
    private readonly Option<bool> _profile = new("--prof")
    {
        Description = "Prints what each kernel of the last step took, and for products the share of what a bare loop in the first-level cache reaches.",
    };

    public StepArguments() => _answer.Validators.Add(result =>
    {
        if (result.GetValue(_answer) < 1 || result.GetValue(_answer) > result.GetValue(_sequence))
            result.AddError("--answer must be at least 1 and at most --seq.");
    });

    public static Option<string> Choice(string name, string usual, string description, params string[] values)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => usual };
        option.AcceptOnlyFromAmong(values);
        return option;
    }

    public static Option<int> Number(string name, int usual, string description)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValue(option) < 1)
                result.AddError($"{name} must be at least 1.");
        });
        return option;
    }

    public void AddTo(CliCommand command)
    {
        foreach (var option in (Option[])[_model, _quantization, _adapter, _targets, _filters, _rank, _mode, _batch, _sequence, _threads, _checkpointing,
            _answer, _newTokens, _profile])
            command.Options.Add(option);
    }

    /// <summary>Null, with a line on the error output, where nothing would be done.</summary>
    public StepOptions? Read(ParseResult parsed, string backend, int steps, MokaPrecision? precision)
    {
        var options = new StepOptions
        {
            Model = parsed.GetValue(_model)!,
            Backend = backend,
            Quantization = parsed.GetValue(_quantization)!,
            Adapter = parsed.GetValue(_adapter)!,
            Targets = parsed.GetValue(_targets)!,
            Filters = parsed.GetValue(_filters),
            Rank = parsed.GetValue(_rank),
            Mode = parsed.GetValue(_mode)!,
            Batch = parsed.GetValue(_mode) == "decode" && parsed.GetResult(_batch) is (null or { Implicit: true }) ? 1 : parsed.GetValue(_batch),
            Sequence = parsed.GetValue(_sequence),
            Steps = steps,
            Threads = parsed.GetValue(_threads),
            Checkpointing = parsed.GetValue(_checkpointing),
            Answer = parsed.GetValue(_answer) ?? parsed.GetValue(_sequence),
            NewTokens = parsed.GetValue(_newTokens),
            Profile = parsed.GetValue(_profile),
            Precision = precision,
        };
        if (options is not { Mode: "train", Adapter: "none" })
            return options;
        Console.Error.WriteLine("Nothing would be trained: '--mode train' needs an adapter, '--adapter moka' for example.");
        return null;
    }
}
