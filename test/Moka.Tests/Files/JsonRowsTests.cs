using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Generation.Conversations;

namespace Microsoft.ML.Moka.Tests.Files;

public sealed class JsonRowsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"\ud800":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}""")]
    [InlineData("""{"messages":[{"\udc00":1,"role":"user","content":"a"},{"role":"assistant","content":"b"}]}""")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"},{"role":"assistant","content":"b"}]}""")]
    public void Half_a_character_in_a_key_or_a_text_is_refused_with_file_and_line(string row)
    {
        const string Whole = """{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}""";
        var path = _folder.File("chats.jsonl");
        File.WriteAllText(path, $"{Whole}\n{row}\n");

        var error = Assert.Throws<InvalidDataException>(() => JsonRows.Read(path).Select(found => ConversationJson.Read(found.Fields)).ToList());

        Assert.Contains($"{path}, line 2", error.Message, StringComparison.Ordinal);
    }
}
