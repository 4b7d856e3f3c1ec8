using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka.Models;

/// <summary>Texts of several models over one backbone.</summary>
internal static class RequestBatch
{
    public static IReadOnlyList<string> Generate(
        IReadOnlyList<TextRequest> requests, TextGenerationOptions? options, Action<int, string>? onPiece, CancellationToken cancellation)
    {
        var uses = new List<TunedBackbone.Usage>();
        try
        {
            foreach (var model in requests.Select(request => request.Model).Distinct())
            {
                ArgumentNullException.ThrowIfNull(model, nameof(requests));
                uses.Add(model.Weights.Use());
                Check(requests, model);
            }
            var texts = new string[requests.Count];
            var prepared = requests.Select((request, number) => (Number: number, request.Model, Made: request.Model.Prepare(request, options))).ToList();
            foreach (var batch in prepared.GroupBy(text =>
                (text.Made.Options, text.Made.Form.Prefix, string.Join(' ', text.Made.Form.EndTokens), text.Model.Precision)))
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
        }
        finally
        {
            foreach (var use in uses)
                use.Dispose();
        }
    }

    private static void Check(IReadOnlyList<TextRequest> requests, MokaTextGenerator model)
    {
        if (!model.Weights.Shared.IsSameAs(requests[0].Model.Weights.Shared))
            throw new ArgumentException(
                "The models of one batch are over different backbones, or over one in different forms: generate the texts of each backbone by themselves.",
                nameof(requests));
        if (model.Weights.Adapters.Tables.Count > 0 || model.Weights.Adapters.Biases.Count > 0)
            throw new ArgumentException(
                "An adapter of the batch changes embedding, head or biases, and not linear maps alone: generate the texts of that model by themselves.",
                nameof(requests));
    }
}
