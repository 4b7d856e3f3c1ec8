using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.ML.Moka.Cli.Options;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka tokenize: what a backbone reads of a text, a row or a conversation.</summary>
internal sealed class TokenizeVerb
{
    private readonly Terminal _terminal;
    private readonly Argument<string?> _text = new("text")
    {
        Description = "The text. [default: what comes in on standard input, without the line break at its end]",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<FileInfo?> _file = new("--file") { Description = "A text file in UTF-8, read as it is.", HelpName = "file" };
    private readonly Option<FileSystemInfo?> _backbone = CommonOptions.Backbone();
    private readonly Option<bool> _special = new("--special")
    {
        Description = "Reads the text as that of a template: names of special tokens are those tokens, and what begins a sequence stands before it.",
    };
    private readonly Option<string?> _template = new("--template")
    {
        Description =
            "Puts the text into a row's prompt: plain, classification, alpaca, instruction, or a text with {text} in it; or, with --chat, llama2 or llama3.",
        HelpName = "template",
    };
    private readonly Option<string?> _input = new("--input") { Description = "The row's input (--template).", HelpName = "text" };
    private readonly Option<string[]> _candidates = new("--candidates")
    {
        Description = "The row's answer words (--template).",
        AllowMultipleArgumentsPerToken = true,
        HelpName = "words",
    };
    private readonly Option<string?> _answer = new("--answer")
    {
        Description = "The row's answer, which the end of the sequence follows (--template).",
        HelpName = "text",
    };
    private readonly Option<bool> _chat = new("--chat") { Description = "Reads the text as a user's message, under the backbone's chat template." };
    private readonly Option<string?> _system = new("--system") { Description = "What the model is told before a conversation (--chat).", HelpName = "text" };
    private readonly Option<FileInfo?> _messages = new("--messages")
    {
        Description = "A conversation instead of a text: JSON, a list of {\"role\", \"content\"}, or an object that has it as \"messages\".",
        HelpName = "file.json",
    };
    private readonly Option<bool> _json = CommonOptions.Json();

    private TokenizeVerb(Terminal terminal) => _terminal = terminal;

    public static CliCommand Create(Terminal terminal)
    {
        var verb = new TokenizeVerb(terminal);
        var command = new CliCommand("tokenize",
            """
            Shows the tokens that a backbone reads: ids and pieces of a text, of a row under a prompt template, or of a conversation under a chat template.

              moka tokenize "The quick brown fox" --backbone HuggingFaceTB/SmolLM2-135M-Instruct
              moka tokenize "Where is my card?" --template classification --candidates lost late --answer lost
              moka tokenize "Hello" --chat --backbone Llama-3.2-1B-Instruct --json
            """)
        {
            verb._text, verb._file, verb._backbone, verb._special, verb._template, verb._input, verb._candidates, verb._answer, verb._chat, verb._system,
            verb._messages, verb._json,
        };
        command.SetAction(verb.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        Check(parsed);
        var tokenizer = MokaBackbone.LoadTokenizer(parsed.GetValue(_backbone)?.ToString());
        var (tokens, text) = parsed.GetValue(_messages) is { } file
            ? Chat(parsed, tokenizer, ReadMessages(file.ToString()))
            : Encode(parsed, tokenizer, await ReadTextAsync(parsed, cancellation));
        if (parsed.GetValue(_json))
        {
            Json.Write(_terminal.Out, new TokenizedText(tokenizer.Kind, tokens.Count, text, tokens.Select(token => token.Id), tokens.Select(token =>
                new TokenNumbers(token.Id, token.Value, token.Offset.Start.Value, token.Offset.End.Value, tokenizer.IsSpecial(token.Id)))));
            return ExitCode.Success;
        }
        foreach (var token in tokens)
            _terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{token.Id,7}  {Shown(token.Value)}"));
        _terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tokens.Count} tokens ({tokenizer.Kind})."));
        return ExitCode.Success;
    }

    private void Check(ParseResult parsed)
    {
        var isChat = IsChat(parsed);
        var template = parsed.GetValue(_template);
        var sources = (parsed.GetValue(_text) is null ? 0 : 1) + (parsed.GetValue(_file) is null ? 0 : 1) + (parsed.GetValue(_messages) is null ? 0 : 1);
        if (sources > 1)
            throw new UsageException("There are several texts: leave all but one of text, --file and --messages.");
        if (!isChat && template is "llama2" or "llama3")
            throw new UsageException($"--template {template} is for conversations: it needs --chat.");
        if (isChat && template is not (null or "llama2" or "llama3"))
            throw new UsageException("A conversation takes --template llama2 or llama3, or none for the backbone's own.");
        if (!isChat && parsed.GetValue(_system) is not null)
            throw new UsageException("--system begins a conversation: it needs --chat.");
        if ((isChat || template is null) && (parsed.GetValue(_input) ?? parsed.GetValue(_answer) ?? parsed.GetValue(_candidates)?.FirstOrDefault()) is not null)
            throw new UsageException("--input, --candidates and --answer belong to a row: they need --template.");
        if (parsed.GetValue(_special) && (isChat || template is not null))
            throw new UsageException("--special is for a text by itself: leave out --chat and --template, which say themselves what is a token.");
    }

    private (IReadOnlyList<EncodedToken> Tokens, string Text) Encode(ParseResult parsed, MokaTokenizer tokenizer, string text)
    {
        if (IsChat(parsed))
            return Chat(parsed, tokenizer, [new ChatMessage(ChatRole.User, text)]);
        string? read;
        IReadOnlyList<EncodedToken> tokens;
        if (parsed.GetValue(_template) is { } template)
            tokens = tokenizer.EncodeRow(
                TemplateOf(template), text, parsed.GetValue(_input), parsed.GetValue(_candidates), parsed.GetValue(_answer), out read);
        else if (parsed.GetValue(_special))
            tokens = tokenizer.EncodeTemplate(text, out read);
        else
            tokens = tokenizer.EncodeToTokens(text, out read);
        return (tokens, read ?? text);
    }

    private (IReadOnlyList<EncodedToken> Tokens, string Text) Chat(ParseResult parsed, MokaTokenizer tokenizer, IEnumerable<ChatMessage> messages)
    {
        if (parsed.GetValue(_system) is { } system)
            messages = messages.Prepend(new ChatMessage(ChatRole.System, system));
        var template = parsed.GetValue(_template) switch { "llama2" => ChatTemplate.Llama2, "llama3" => ChatTemplate.Llama3, _ => null };
        return (tokenizer.EncodeChat(messages, template, out var text), text);
    }

    private bool IsChat(ParseResult parsed) => parsed.GetValue(_chat) || parsed.GetValue(_messages) is not null;

    private static PromptTemplate TemplateOf(string template) => template switch
    {
        "plain" => PromptTemplate.Plain,
        "classification" => PromptTemplate.Classification,
        "alpaca" => PromptTemplate.Alpaca,
        "instruction" => PromptTemplate.Instruction,
        // A shell hands \n over as two characters.
        _ when template.Contains('{', StringComparison.Ordinal) => new PromptTemplate(template.Replace("\\n", "\n", StringComparison.Ordinal)),
        _ => throw new UsageException($"--template is '{template}'; it takes plain, classification, alpaca, instruction, or a text with {{text}} in it."),
    };

    private async Task<string> ReadTextAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(_text) is { } text)
            return text;
        if (parsed.GetValue(_file) is { } file)
            return ReadFile(file.ToString());
        if (!_terminal.IsInputRedirected)
            _terminal.Error.WriteLine("Type the text, and end it with Ctrl+D (Ctrl+Z on Windows).");
        var input = await _terminal.ReadAllAsync(cancellation);
        return input.EndsWith("\r\n", StringComparison.Ordinal) ? input[..^2] : input.EndsWith('\n') ? input[..^1] : input;
    }

    private static string ReadFile(string path)
    {
        if (Directory.Exists(path))
            throw new IOException($"'{path}' is a folder: name a file in it.");
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException error)
        {
            throw new InvalidDataException($"'{path}' is no text in UTF-8.", error);
        }
    }

    private static List<ChatMessage> ReadMessages(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(ReadFile(path));
            var list = document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.GetProperty("messages") : document.RootElement;
            return [.. list.EnumerateArray().Select(message => new ChatMessage(new ChatRole(Text(message, "role")), Text(message, "content")))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or ArgumentException)
        {
            throw new InvalidDataException($"'{path}' is no list of messages, each with \"role\" and \"content\" as texts. {error.Message}", error);
        }

        static string Text(JsonElement message, string name) =>
            message.GetProperty(name).GetString() ?? throw new InvalidOperationException($"A message has null as \"{name}\".");
    }

    // Line breaks and the like would tear the lines.
    private static string Shown(string piece) => string.Concat(piece.Select(letter =>
        char.IsControl(letter) ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}") : letter.ToString()));
}

/// <summary>A text's tokens for scripts.</summary>
internal sealed record TokenizedText(string Tokenizer, int Count, string Text, IEnumerable<int> Ids, IEnumerable<TokenNumbers> Tokens);

/// <summary>One of them.</summary>
internal sealed record TokenNumbers(int Id, string Piece, int Start, int End, bool IsSpecial);
