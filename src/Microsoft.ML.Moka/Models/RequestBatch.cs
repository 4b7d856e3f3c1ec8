namespace Microsoft.ML.Moka.Models;

/// <summary>Texts of several models over one backbone.</summary>
internal static class RequestBatch
{
    public static IReadOnlyList<string> Generate(
        IReadOnlyList<TextRequest> requests, TextGenerationOptions? options, Action<int, string>? onPiece, CancellationToken cancellation)
    {
        foreach (var request in requests)
        {
            ArgumentNullException.ThrowIfNull(request, nameof(requests));
            ArgumentNullException.ThrowIfNull(request.Model, nameof(requests));
            ArgumentNullException.ThrowIfNull(request.Instruction, nameof(requests));
        }
        using var uses = new SharedUse(requests.Select(request => request.Model), nameof(requests));
        var texts = new string[requests.Count];
        var prepared = requests.Select((request, number) => (Number: number, request.Model, Made: request.Model.Prepare(request, options))).ToList();
        var earlier = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var batch in prepared.GroupBy(text => (
            text.Made.Options, text.Made.Form.Prefix, string.Join(' ', text.Made.Form.EndTokens), text.Model.Precision,
            Time(text.Made.Prompt, text.Made.Options))))
        {
            var members = batch.ToList();
            var first = members[0];
            var answers = first.Model.Generate(
                [.. members.Select(text => text.Made.Prompt)], [.. members.Select(text => text.Model.Weights.Adapters)], first.Made.Options,
                first.Made.Form, onPiece is null ? null : (i, piece) => onPiece(members[i].Number, piece), cancellation);
            foreach (var (text, answer) in members.Zip(answers))
                texts[text.Number] = answer.Text;
        }
        return texts;

        // Within a batch what is drawn depends on the prompt. Without a seed each text is drawn anew, one to a prompt that another has too as well.
        int Time(int[] prompt, TextGenerationOptions settings)
        {
            if (settings.Seed is not null)
                return 0;
            var key = string.Join(' ', prompt);
            return earlier[key] = earlier.GetValueOrDefault(key) + 1;
        }
    }
}
