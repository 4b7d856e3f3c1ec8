using System.Text.Json;

namespace Microsoft.ML.Moka.Cli.Tests;

public sealed class TokenizeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ATextComesFromAnArgumentAFileOrStandardInput()
    {
        var argument = Tool.Run("tokenize", "What is the bell made of?", "--json").Succeeded().Json;
        Assert.Equal(argument.GetRawText(), Tool.Run("What is the bell made of?\n", ["tokenize", "--json"]).Succeeded().Json.GetRawText());
        Assert.Equal(argument.GetRawText(),
            Tool.Run("tokenize", "--file", _folder.Write("text.txt", "What is the bell made of?"), "--json").Succeeded().Json.GetRawText());

        Assert.Equal(argument.GetProperty("count").GetInt32(), Ids(argument).Length);
        Assert.Equal(Ids(argument), MokaBackbone.LoadTokenizer().EncodeToIds("What is the bell made of?"));
        Assert.Equal("What is the bell made of?", string.Concat(argument.GetProperty("tokens").EnumerateArray().Select(
            token => "What is the bell made of?"[token.GetProperty("start").GetInt32()..token.GetProperty("end").GetInt32()])));
        var lines = Tool.Run("tokenize", "What is the bell made of?").Succeeded().Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Ids(argument).Length + 1, lines.Length);
        Assert.All(Ids(argument).Zip(lines), pair => Assert.StartsWith($"{pair.First} ", pair.Second.TrimStart(), StringComparison.Ordinal));
    }

    [Fact]
    public void ARowIsReadUnderItsTemplate()
    {
        var row = Tool.Run("tokenize", "bell", "--template", "classification", "--candidates", "wood", "iron", "--answer", "iron", "--json").Succeeded().Json;
        Assert.Contains("Options: wood, iron", row.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.True(row.GetProperty("tokens").EnumerateArray().Last().GetProperty("isSpecial").GetBoolean());
        var own = Tool.Run("tokenize", "bell", "--template", "Q: {text}\\nA:", "--json").Succeeded().Json;
        Assert.Contains("Q: bell\nA:", own.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void NamesOfSpecialTokensAreTokensOnlyWhereItIsAskedFor()
    {
        var end = Tool.Run("tokenize", "bell", "--template", "plain", "--answer", "x", "--json").Succeeded().Json.GetProperty("tokens").EnumerateArray().Last()
            .GetProperty("piece").GetString()!;
        bool HasSpecial(params string[] more) => Tool.Run(["tokenize", $"a{end}", "--json", .. more]).Succeeded().Json.GetProperty("tokens").EnumerateArray()
            .Any(token => token.GetProperty("piece").GetString() == end);

        Assert.False(HasSpecial());
        Assert.True(HasSpecial("--special"));
    }

    [Fact]
    public void AConversationIsReadUnderAChatTemplate()
    {
        var chat = Tool.Run("tokenize", "Hello", "--chat", "--template", "llama2", "--system", "Be kind.", "--json").Succeeded().Json;
        Assert.Contains("Be kind.", chat.GetProperty("text").GetString(), StringComparison.Ordinal);
        var messages = _folder.Write("chat.json", """{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]}""");
        Assert.Equal(Ids(chat), Ids(Tool.Run("tokenize", "--messages", messages, "--template", "llama2", "--json").Succeeded().Json));
        Tool.Run("tokenize", "--messages", _folder.Write("bad.json", """[{"role": 1}]"""), "--template", "llama2").Failed("bad.json", "role");
        Tool.Run("tokenize", "--messages", _folder.Write("bad.json", """[{"role": "user", "content": null}]"""), "--template", "llama2")
            .Failed("bad.json", "null as \"content\"");
        Tool.Run("tokenize", "--file", _folder.Path).Failed("is a folder: name a file in it");
        // The backbone inside the tool has no template of its own.
        Tool.Run("tokenize", "Hello", "--chat").Failed("give one, such as --template llama3");
        Tool.Run("tokenize", "Hello", "--chat").Failed("chat template");
    }

    [Fact]
    public void WhatMakesNoSenseIsRefused()
    {
        Tool.Run("tokenize", "x", "--file", "y").WasRefused("several texts");
        Tool.Run("tokenize", "x", "--template", "llama3").WasRefused("--chat");
        Tool.Run("tokenize", "x", "--template", "other").WasRefused("classification");
        Tool.Run("tokenize", "x", "--answer", "y").WasRefused("--template");
        Tool.Run("tokenize", "x", "--chat", "--special").WasRefused("--special");
        Tool.Run("tokenize", "x", "--system", "y").WasRefused("--chat");
        Tool.Run("tokenize", "--file", "nothing.txt").Failed("nothing.txt");
    }

    private static int[] Ids(JsonElement json) => [.. json.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
}
