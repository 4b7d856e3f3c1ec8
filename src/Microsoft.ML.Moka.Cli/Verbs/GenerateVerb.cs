using System.CommandLine;
using System.Diagnostics;
using System.Text;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka generate: text after a prompt, or a conversation.</summary>
internal sealed class GenerateVerb
{
    private readonly Terminal _terminal;
    private readonly Argument<string?> _prompt = new("prompt")
    {
        Description = "What to answer or to go on from. [default: what comes in on standard input]",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<FileInfo?> _model = new("--model", "-m") { Description = "A model that was trained with --task generate.", HelpName = "model.zip" };
    private readonly Option<FileSystemInfo?> _backbone = CommonOptions.Backbone();
    private readonly Option<DirectoryInfo?> _adapter = new("--adapter-folder")
    {
        Description = "An adapter on the backbone, in PEFT's form.",
        HelpName = "folder",
    };
    private readonly Option<BackboneQuantization> _quantization = CommonOptions.Quantization();
    private readonly Option<MokaPrecision?> _precision = CommonOptions.Precision();
    private readonly Option<string?> _input = new("--input") { Description = "An input that goes with the instruction (--model only).", HelpName = "text" };
    private readonly Option<bool> _chat = new("--chat") { Description = "Holds a conversation, a line each; an empty line ends it." };
    private readonly Option<string?> _template = new("--template")
    {
        Description =
            "How a conversation or prompt becomes what the model reads: llama2 or llama3 (--chat), instruction (Alpaca's form) or plain. [default: " +
            "the backbone's own chat template (--chat), else the model's; plain for a backbone]",
    };
    private readonly Option<string?> _system = new("--system") { Description = "What the model is told before a conversation.", HelpName = "text" };
    private readonly Option<int?> _length = new Option<int?>("--max-tokens")
    {
        Description = "The most tokens of the text. [default: the model's; 128]",
        HelpName = "number",
    }.Within(1, int.MaxValue);
    private readonly Option<float?> _temperature = new Option<float?>("--temperature")
    {
        Description = "How freely tokens are drawn: 0 takes the likeliest, 1 draws by the model's probabilities. [default: the model's; 0]",
        HelpName = "number",
    }.Within(0, double.MaxValue);
    private readonly Option<float?> _topP = new Option<float?>("--top-p")
    {
        Description = "Draws among the likeliest tokens that have this probability together. [default: 1]",
        HelpName = "number",
    }.Within(double.Epsilon, 1);
    private readonly Option<int?> _topK = new Option<int?>("--top-k")
    {
        Description = "Draws among so many of the likeliest tokens; 0 for all. [default: 0]",
        HelpName = "number",
    }.Within(0, int.MaxValue);
    private readonly Option<float?> _frequencyPenalty = Penalty("--frequency-penalty", "How much less likely a token becomes with each time that it came");
    private readonly Option<float?> _presencePenalty = Penalty("--presence-penalty", "How much less likely a token becomes once it came");
    private readonly Option<long?> _seed = new("--seed")
    {
        Description = "The same seed draws the same text. [default: the model's; else drawn anew, and written by --json]",
        HelpName = "number",
    };
    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "Texts that end the text where they would begin.",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "texts",
    };
    private readonly Option<bool> _json = CommonOptions.Json();

    private GenerateVerb(Terminal terminal) => _terminal = terminal;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new GenerateVerb(terminal);
        verb._template.AcceptOnlyFromAmong("llama2", "llama3", "instruction", "plain");
        var command = new CliCommand("generate",
            """
            Writes text, word by word as it comes: the answer of a tuned model to an instruction, or what a backbone has a text go on with.

              moka generate "Describe crepes." --model chef.zip --temperature 0.7 --seed 1
              moka generate --backbone Llama-2-7b-chat-hf --chat --template llama2
              echo "Once upon a time" | moka generate --max-tokens 40
            """)
        {
            verb._prompt, verb._model, verb._backbone, verb._adapter, verb._quantization, verb._precision, verb._input, verb._chat, verb._template,
            verb._system, verb._length,
            verb._temperature, verb._topP, verb._topK, verb._frequencyPenalty, verb._presencePenalty, verb._seed, verb._stop, verb._json,
        };
        command.SetAction(verb.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Check(parsed);
        var context = Context.Create(_terminal, seed: 1);
        using var loaded = await Task.Run(() => Open(parsed, context, cancellation), cancellation);
        var model = (MokaTextGenerator)loaded.Model;
        var options = Options(parsed, model.Options);
        if (parsed.GetValue(_chat))
            return await ChatAsync(parsed, model, options, cancellation);
        var prompt = parsed.GetValue(_prompt) ?? await ReadAllAsync(cancellation);
        if (string.IsNullOrWhiteSpace(prompt))
            throw new UsageException("There is no prompt: give it as an argument, or on standard input.");
        var clock = Stopwatch.StartNew();
        var pieces = model.GenerateAsync(prompt, parsed.GetValue(_input), options, cancellation);
        var text = await WriteAsync(pieces, isSilent: parsed.GetValue(_json));
        if (parsed.GetValue(_json))
            Json.Write(_terminal.Out, new GeneratedText(
                prompt, text, options.Temperature, options.TopK, options.TopP, options.FrequencyPenalty, options.PresencePenalty, options.Seed,
                options.MaximumNewTokens, clock.Elapsed.TotalSeconds));
        return ExitCode.Success;
    }

    private static Option<float?> Penalty(string name, string description) => new Option<float?>(name)
    {
        Description = $"{description}, -2 to 2: so much is taken from its logit. [default: the model's; 0]",
        HelpName = "number",
    }.Within(-2, 2);

    private void Check(ParseResult parsed)
    {
        var isModel = parsed.GetValue(_model) is not null;
        if (isModel && (parsed.GetValue(_backbone) is not null || parsed.GetValue(_adapter) is not null))
            throw new UsageException("--model has its backbone and adapter: leave out --backbone and --adapter-folder.");
        if (!isModel && parsed.GetValue(_input) is not null)
            throw new UsageException("--input goes with the instruction of a tuned model: it needs --model.");
        var isChat = parsed.GetValue(_chat);
        if (isChat && parsed.GetValue(_json))
            throw new UsageException("A conversation is not written as JSON: leave out --chat or --json.");
        if (isChat && parsed.GetValue(_prompt) is not null)
            throw new UsageException("With --chat, prompts are typed one after the other: leave out the prompt.");
        if (!isChat && parsed.GetValue(_system) is not null)
            throw new UsageException("--system begins a conversation: it needs --chat.");
        if (!isChat && parsed.GetValue(_template) is "llama2" or "llama3")
            throw new UsageException($"--template {parsed.GetValue(_template)} is for conversations: it needs --chat.");
        if (!isChat && isModel && parsed.GetValue(_template) is not null)
            throw new UsageException("A tuned model reads prompts as in training: leave out --template.");
    }

    private LoadedModel Open(ParseResult parsed, MLContext context, CancellationToken cancellation)
    {
        if (parsed.GetValue(_model) is not { } file)
            return ProgressDisplay.Wait(_terminal, "Loading the backbone", () => LoadedModel.OfBackbone(
                context, parsed.GetValue(_backbone)?.ToString(), parsed.GetValue(_adapter)?.ToString(), parsed.GetValue(_quantization),
                parsed.GetValue(_precision), TemplateOf(parsed), cancellation));
        var loaded = LoadedModel.Open(_terminal, context, file.ToString(), parsed.GetValue(_precision));
        if (loaded.Model is MokaTextGenerator)
            return loaded;
        loaded.Dispose();
        throw new InvalidDataException($"'{file}' classifies and writes nothing; 'moka train --task generate' makes a model that writes.");
    }

    private PromptTemplate TemplateOf(ParseResult parsed) =>
        parsed.GetValue(_template) == "instruction" ? PromptTemplate.Instruction : new PromptTemplate("{instruction}", "");

    private TextGenerationOptions Options(ParseResult parsed, TextGenerationOptions model) => model with
    {
        MaximumNewTokens = parsed.GetValue(_length) ?? model.MaximumNewTokens,
        Temperature = parsed.GetValue(_temperature) ?? model.Temperature,
        TopP = parsed.GetValue(_topP) ?? model.TopP,
        TopK = parsed.GetValue(_topK) ?? model.TopK,
        FrequencyPenalty = parsed.GetValue(_frequencyPenalty) ?? model.FrequencyPenalty,
        PresencePenalty = parsed.GetValue(_presencePenalty) ?? model.PresencePenalty,
        Seed = parsed.GetValue(_seed) ?? model.Seed ?? Random.Shared.Next(),
        // A shell hands \n over as two characters.
        StopWords =
            parsed.GetValue(_stop) is { Length: > 0 } words ? [.. words.Select(word => word.Replace("\\n", "\n", StringComparison.Ordinal))] : model.StopWords,
    };

    private async Task<int> ChatAsync(ParseResult parsed, MokaTextGenerator model, TextGenerationOptions options, CancellationToken cancellation)
    {
        var template = parsed.GetValue(_template) switch
        {
            "llama2" => ChatTemplate.Llama2,
            "llama3" => ChatTemplate.Llama3,
            "instruction" => ChatTemplate.Of(PromptTemplate.Instruction),
            "plain" => ChatTemplate.Of(new PromptTemplate("{instruction}", "")),
            _ => null,
        };
        var messages = new List<ChatMessage>();
        if (parsed.GetValue(_system) is { } system)
            messages.Add(new ChatMessage(ChatRole.System, system));
        while (true)
        {
            if (!_terminal.IsInputRedirected)
                _terminal.Error.Write("> ");
            var line = await _terminal.ReadLineAsync(cancellation);
            if (string.IsNullOrWhiteSpace(line))
                return ExitCode.Success;
            messages.Add(new ChatMessage(ChatRole.User, line));
            var answer = await WriteAsync(model.GenerateAsync(messages, template, options, cancellation), isSilent: false);
            messages.Add(new ChatMessage(ChatRole.Assistant, answer));
        }
    }

    private async Task<string> WriteAsync(IAsyncEnumerable<string> pieces, bool isSilent)
    {
        var text = new StringBuilder();
        try
        {
            await foreach (var piece in pieces)
            {
                text.Append(piece);
                if (isSilent)
                    continue;
                await _terminal.Out.WriteAsync(piece);
                await _terminal.Out.FlushAsync(CancellationToken.None);
            }
        }
        finally
        {
            if (!isSilent)
                await _terminal.Out.WriteLineAsync();
        }
        return text.ToString();
    }

    private async Task<string> ReadAllAsync(CancellationToken cancellation)
    {
        if (!_terminal.IsInputRedirected)
            _terminal.Error.WriteLine("Type the prompt, and end it with Ctrl+D (Ctrl+Z on Windows).");
        return (await _terminal.ReadAllAsync(cancellation)).TrimEnd('\r', '\n');
    }
}

/// <summary>A generated text for scripts.</summary>
internal sealed record GeneratedText(
    string Prompt, string Text, float Temperature, int TopK, float TopP, float FrequencyPenalty, float PresencePenalty, long? Seed, int MaximumNewTokens,
    double Seconds);
