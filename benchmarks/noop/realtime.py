class RealtimeHandler:
    def predict(self, request):
        return {"length": len(request.get("text", ""))}
